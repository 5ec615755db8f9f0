"""Everyday questions to try in the tab Chat, written for this page; Sinhala first."""

CHAT_EXAMPLES: tuple[tuple[str, str, str], ...] = (
    ("si", "හොඳ තේ කෝප්පයක් හදන්නේ කොහොමද?", "How do I make a good cup of tea?"),
    ("ta", "இரவில் நன்றாகத் தூங்க என்ன செய்ய வேண்டும்?", "What should I do to sleep well at night?"),
    ("bn", "বাচ্চাদের জন্য একটা ভালো বইয়ের নাম বলতে পারো?", "Can you name a good book for children?"),
    ("hi", "चावल पकाने में कितना समय लगता है?", "How long does it take to cook rice?"),
    ("as", "পুৱাৰ আহাৰত কি খোৱা ভাল?", "What is good to eat for breakfast?"),
    ("or", "ବର୍ଷା କାହିଁକି ହୁଏ?", "Why does it rain?"),
    ("sw", "Ninawezaje kujifunza Kiingereza haraka?", "How can I learn English quickly?"),
    ("ur", "آسمان نیلا کیوں نظر آتا ہے؟", "Why does the sky look blue?"),
    ("ar", "ما هي عاصمة فرنسا؟", "What is the capital of France?"),
    ("th", "ทำไมเราต้องดื่มน้ำทุกวัน", "Why do we have to drink water every day?"),
    ("te", "మంచి స్నేహితుడు ఎలా ఉండాలి?", "What should a good friend be like?"),
    ("zh", "月亮离地球有多远？", "How far is the moon from the earth?"),
    ("en", "What can I cook with eggs and tomatoes?", "What can I cook with eggs and tomatoes?"),
)
"""Language code, question, and what it means in English."""
