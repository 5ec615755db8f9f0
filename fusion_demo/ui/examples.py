"""Texts to try, written for this page; Sinhala first."""

from fusion_demo.tasks import Task

EXAMPLES: tuple[tuple[str, str], ...] = (
    ("si", "ශ්‍රී ලංකා ක්‍රිකට් කණ්ඩායම අවසන් තරගය කඩුලු හතරකින් ජය ගනී"),
    ("ta", "புதிய அரசு மருத்துவமனை அடுத்த மாதம் திறக்கப்படும் என்று சுகாதார அமைச்சர் அறிவித்தார்"),
    ("hi", "शेयर बाज़ार में तेज़ी, बैंकों के शेयरों में सबसे ज़्यादा बढ़त"),
    ("bn", "নতুন উপগ্রহ থেকে পৃথিবীর প্রথম ছবি পেলেন বিজ্ঞানীরা"),
    ("te", "పదో తరగతి పరీక్షల ఫలితాలు రేపు విడుదల"),
    ("or", "ପ୍ରବଳ ବର୍ଷା ପରେ ସହରରେ ଡେଙ୍ଗୁ ରୋଗୀଙ୍କ ସଂଖ୍ୟା ବଢ଼ୁଛି"),
    ("as", "গুৱাহাটীত আজি আৰম্ভ হ'ল চলচ্চিত্ৰ মহোৎসৱ"),
    ("ur", "پارلیمنٹ نے تعلیم کے نئے بجٹ کی منظوری دے دی"),
    ("ar", "الفيلم الجديد يتصدر شباك التذاكر في أسبوعه الأول"),
    ("sw", "Timu ya taifa yashinda mechi ya fainali kwa mabao mawili"),
    ("zh", "科学家研制出充电只需五分钟的新型电池"),
    ("en", "Central bank keeps interest rates unchanged for the third time this year"),
)
"""Language code and headline."""

PAIR_EXAMPLES: tuple[tuple[str, str, str], ...] = (
    ("si", "ළමයි තිදෙනෙක් ගඟේ පිහිනති", "ළමයි වතුරේ සිටිති"),
    ("ta", "கடை இரவு ஒன்பது மணிக்கு மூடப்படும்", "கடை இரவு முழுவதும் திறந்திருக்கும்"),
    ("hi", "वह हर सुबह पार्क में दौड़ती है", "वह मैराथन की तैयारी कर रही है"),
    ("bn", "ট্রেনটি এক ঘণ্টা দেরিতে পৌঁছেছে", "ট্রেনটি সময়মতো পৌঁছেছে"),
    ("ur", "بارش کی وجہ سے میچ منسوخ کر دیا گیا", "میچ کھیلا گیا"),
    ("sw", "Mwalimu aliwapa wanafunzi vitabu vipya", "Wanafunzi walipata vitabu"),
    ("zh", "他每天骑自行车上班", "他有一辆自行车"),
    ("en", "The museum is free on Sundays", "Nobody has to pay at the museum on Sundays"),
)
"""Language code, premise and hypothesis."""

REVIEW_EXAMPLES: tuple[tuple[str, str], ...] = (
    ("si", "පොත ඉතා හොඳයි, මම එයට බොහෝ කැමතියි"),
    ("hi", "एक हफ़्ते में ही ख़राब हो गया, पैसे बर्बाद"),
    ("ta", "பரவாயில்லை, ஆனால் இந்த விலைக்கு இன்னும் நன்றாக இருந்திருக்கலாம்"),
    ("ur", "بہت عمدہ جوتے ہیں، آرام دہ اور خوبصورت"),
    ("sw", "Simu hii ni mbaya sana, betri haidumu hata saa mbili"),
    ("de", "Ganz in Ordnung, aber der Deckel schließt nicht richtig"),
    ("ja", "音がとても良く、毎日使っています。買ってよかったです。"),
    ("en", "Stopped working after two days and nobody answers my emails"),
)
"""Language code and review of a product."""

EXAMPLE_KINDS: dict[str, tuple[tuple[str, ...], ...]] = {
    "headlines": EXAMPLES,
    "reviews": REVIEW_EXAMPLES,
    "pairs": PAIR_EXAMPLES,
}
"""Name of a kind → its examples: a language code and the texts."""


def example_kind(task: Task) -> str:
    """Return the kind of examples, a key of `EXAMPLE_KINDS`, that suits a task."""
    if len(task.fields) == 2:
        return "pairs"
    return "reviews" if task.checkpoint_task == "reviews" else "headlines"
