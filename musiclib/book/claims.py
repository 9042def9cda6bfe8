"""Claims: what a chapter's sentences say of its numbers, checked whenever the chapter runs.

Prose is written by hand and numbers are computed, so the two can drift apart. A chapter therefore
states each claim once more beside the numbers that carry it, as a sentence and a condition::

    claims = Claims(dataset, profile, seed)
    claims.notice()
    ...
    claims.check({"At high rates rounding costs a quarter of a bit": abs(gap - 0.25) < 0.01})

With the book's own parameters a condition that fails stops the chapter, and with it the build. On
any other music the chapter runs to its end, and a note at its top says which claims do not hold.
"""

import html
from collections.abc import Mapping

import numpy as np
from IPython.display import display

from musiclib.book.layout import PARAMETERS
from musiclib.errors import BookError
from musiclib.listen import Rendered


class Claims:
    """The claims of one chapter.

    Args:
        dataset: Parameter of the chapter: name of the data set.
        profile: Parameter of the chapter: `smoke`, `mini` or `retrain`.
        seed: Parameter of the chapter.
    """

    def __init__(self, dataset: str, profile: str, seed: int = 0) -> None:
        self._shown = {"dataset": dataset, "profile": profile, "seed": seed}
        self._found: dict[str, bool] = {}
        self._place = f"musiclib-claims-{id(self)}"

    @property
    def binding(self) -> bool:
        """Whether a claim that fails is an error: with the parameters of the published book."""
        return all(PARAMETERS[name] == value for name, value in self._shown.items())

    @property
    def failed(self) -> list[str]:
        """Sentences checked so far that do not hold."""
        return [sentence for sentence, holds in self._found.items() if not holds]

    def notice(self) -> None:
        """Show where the chapter's words come from, unless they were written for this very run.

        Call it near the top of the chapter. What `check` finds later is added in the same place.
        """
        if not self.binding:
            self._show(update=False)

    def check(self, claims: Mapping[str, bool | np.bool_]) -> None:
        """Check claims where their numbers are known.

        Args:
            claims: Whether each sentence holds.

        Raises:
            BookError: With the book's own parameters, a sentence that does not hold. With any, a
                sentence that was checked before, or a condition that is neither true nor false.
        """
        for sentence, holds in claims.items():
            if not isinstance(holds, bool | np.bool_):
                raise BookError(
                    f"The claim {sentence!r} is {type(holds).__name__}, neither true nor false: "
                    "give a comparison of two numbers, or reduce an array by all() or any()."
                )
            if sentence in self._found:
                raise BookError(f"The claim {sentence!r} is checked twice: leave one of them out.")
            self._found[sentence] = bool(holds)
        if self.binding and self.failed:
            listed = "\n".join(f"  - {sentence}" for sentence in self.failed)
            raise BookError(
                f"The chapter claims what its numbers no longer show:\n{listed}\n"
                "Find out why the numbers changed, then rewrite the sentences and their conditions."
            )
        if not self.binding:
            self._show(update=True)

    def _show(self, *, update: bool) -> None:
        note = self._note()
        display(note, display_id=self._place, update=update)  # type: ignore[no-untyped-call]

    def _note(self) -> Rendered:
        settings = ", ".join(f"{name} {value}" for name, value in self._shown.items())
        usual = ", ".join(f"{name} {PARAMETERS[name]}" for name in self._shown)
        words = (
            f"The words of this page were written for another run of it ({usual}). The numbers, "
            f"figures and sounds are those of this run ({settings})."
        )
        if self._found and not self.failed:
            words += " Every claim that it checks holds here too."
        elif self.failed:
            words += " These of its claims do not hold here:"
        items = "".join(f"<li>{html.escape(sentence)}</li>" for sentence in self.failed)
        return Rendered(
            '<div class="admonition note ml-claims"><p class="admonition-title">Another run</p>'
            f"<p>{html.escape(words)}</p>{f'<ul>{items}</ul>' if items else ''}</div>",
            "\n".join([words, *(f"  - {sentence}" for sentence in self.failed)]),
        )
