"""Sentences to compare in the tab Layers, each in several languages, written for this page."""

SENTENCES: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = (
    (
        "The new hospital will open next month.",
        (
            ("si", "නව රෝහල ලබන මාසයේ විවෘත වේ."),
            ("hi", "नया अस्पताल अगले महीने खुलेगा।"),
            ("sw", "Hospitali mpya itafunguliwa mwezi ujao."),
            ("ur", "نیا ہسپتال اگلے مہینے کھلے گا۔"),
        ),
    ),
    (
        "Our team won the final match.",
        (
            ("ta", "எங்கள் அணி இறுதிப் போட்டியில் வென்றது."),
            ("as", "আমাৰ দলটোৱে চূড়ান্ত খেলখন জিকিলে।"),
            ("th", "ทีมของเราชนะการแข่งขันนัดสุดท้าย"),
            ("en", "Our team won the final match."),
        ),
    ),
    (
        "Scientists found water on the moon.",
        (
            ("en", "Scientists found water on the moon."),
            ("de", "Wissenschaftler fanden Wasser auf dem Mond."),
            ("ar", "اكتشف العلماء الماء على القمر."),
            ("zh", "科学家在月球上发现了水。"),
        ),
    ),
)
"""Meaning in English → language codes and sentences."""
