import unicodedata

import pytest

from fusion_demo.detection import detect_language
from fusion_demo.languages import LANGUAGES

SENTENCES = {
    "ar": "سافرت العائلة إلى البحر في عطلة نهاية الأسبوع",
    "as": "আজি ৰাতিপুৱাৰ পৰা আমাৰ গাঁৱত বৰষুণ দি আছে",
    "bg": "Децата играят в парка, защото днес времето е хубаво",
    "bn": "আজ সকাল থেকে আমাদের গ্রামে বৃষ্টি হচ্ছে",
    "de": "Die Kinder spielen im Garten, weil heute die Sonne scheint",
    "el": "Τα παιδιά παίζουν στον κήπο γιατί σήμερα έχει ήλιο",
    "en": "The children are playing in the garden because the sun is out",
    "es": "Los niños juegan en el jardín porque hoy hace sol",
    "fr": "Les enfants jouent dans le jardin parce qu'il fait beau",
    "gu": "આજે સવારથી અમારા ગામમાં વરસાદ પડી રહ્યો છે",
    "hi": "आज सुबह से हमारे गाँव में बारिश हो रही है",
    "ja": "今日は天気がいいので、子どもたちは庭で遊んでいます",
    "kn": "ಇಂದು ಬೆಳಿಗ್ಗೆಯಿಂದ ನಮ್ಮ ಊರಿನಲ್ಲಿ ಮಳೆ ಬರುತ್ತಿದೆ",
    "ml": "ഇന്ന് രാവിലെ മുതൽ ഞങ്ങളുടെ ഗ്രാമത്തിൽ മഴ പെയ്യുന്നു",
    "mr": "आज सकाळपासून आमच्या गावात पाऊस पडत आहे",
    "or": "ଆଜି ସକାଳୁ ଆମ ଗାଁରେ ବର୍ଷା ହେଉଛି",
    "pa": "ਅੱਜ ਸਵੇਰ ਤੋਂ ਸਾਡੇ ਪਿੰਡ ਵਿੱਚ ਮੀਂਹ ਪੈ ਰਿਹਾ ਹੈ",
    "ru": "Дети играют в саду, потому что сегодня светит солнце",
    "si": "අද උදේ සිට අපේ ගමට වැස්ස ඇද හැලේ",
    "sw": "Watoto wanacheza bustanini kwa sababu leo kuna jua",
    "ta": "இன்று காலை முதல் எங்கள் ஊரில் மழை பெய்கிறது",
    "te": "ఈ ఉదయం నుండి మా ఊరిలో వర్షం పడుతోంది",
    "th": "วันนี้เด็กๆ เล่นอยู่ในสวนเพราะอากาศดี",
    "tr": "Bugün hava güneşli olduğu için çocuklar bahçede oynuyor",
    "ur": "آج صبح سے ہمارے گاؤں میں بارش ہو رہی ہے",
    "vi": "Hôm nay trời nắng nên bọn trẻ chơi ngoài vườn",
    "zh": "今天天气很好，孩子们在花园里玩耍",
}


def test_there_is_a_sentence_for_every_language():
    assert set(SENTENCES) == set(LANGUAGES)


@pytest.mark.parametrize(("code", "text"), SENTENCES.items(), ids=list(SENTENCES))
def test_every_language_is_detected(code, text):
    assert detect_language(text) == code


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_unicode_form_makes_no_difference(form):
    for code in ("bn", "or", "vi"):
        assert detect_language(unicodedata.normalize(form, SENTENCES[code])) == code


def test_length_and_surroundings_make_no_difference():
    assert detect_language("ආයුබෝවන්") == "si"
    assert detect_language(SENTENCES["si"] * 700) == "si"
    assert detect_language(f"😀\x00 2024: {SENTENCES['si']} 12:30!\n") == "si"


@pytest.mark.parametrize("text", ["", " \n\t", "2 + 2 = 4", "😀👍🏽", "\x00\x07", "…!?", "్"])
def test_text_without_letters_has_no_language(text):
    assert detect_language(text) is None


def test_letters_without_a_known_pattern_have_no_language():
    assert detect_language("ok") is None


@pytest.mark.parametrize(
    "text",
    [
        "오늘은 날씨가 좋아서 아이들이 정원에서 놀고 있어요",
        "היום מזג האוויר נעים והילדים משחקים בגינה",
        "დღეს კარგი ამინდია და ბავშვები ბაღში თამაშობენ",
        "Dzisiaj jest ładna pogoda, więc dzieci bawią się w ogrodzie",
    ],
    ids=["Korean", "Hebrew", "Georgian", "Polish"],
)
def test_other_languages_are_not_taken_for_ours(text):
    assert detect_language(text) is None


def test_half_a_surrogate_pair_is_no_obstacle():
    assert detect_language("\ud83d" + SENTENCES["ta"]) == "ta"
