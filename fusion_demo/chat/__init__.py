"""Conversations: a message in any language, an answer in English, and what the LLM made of the message."""

from fusion_demo.chat.conversation import CHAT_DECODING, CHAT_TASKS, Bridges, converse
from fusion_demo.chat.hears import Heard
from fusion_demo.chat.messages import ASSISTANT, USER, Message, check_messages
from fusion_demo.chat.turn import ChatTurn, ChatUpdate

__all__ = [
    "ASSISTANT",
    "CHAT_DECODING",
    "CHAT_TASKS",
    "USER",
    "Bridges",
    "ChatTurn",
    "ChatUpdate",
    "Heard",
    "Message",
    "check_messages",
    "converse",
]
