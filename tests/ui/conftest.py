"""Programs that ask the real page."""

import pytest
from gradio_client import Client


@pytest.fixture(scope="module")
def client(page_address):
    """A program that asks the page with the tiny checkpoints."""
    return Client(page_address, verbose=False)


@pytest.fixture(scope="module")
def chat_client(chat_page_address):
    """A program that asks the page whose checkpoints can chat."""
    return Client(chat_page_address, verbose=False)
