"""What has a name in Chinese and in English."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """Something people read the name of, in their language."""

    zh: str
    en: str

    def label(self, lang: str) -> str:
        """Give the name in ``zh`` or ``en``."""
        return self.zh if lang == "zh" else self.en
