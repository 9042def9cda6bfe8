"""Keys of what is kept on disk."""

import pytest

from musiclib import files


def test_digest_follows_sources_and_the_libraries_that_compute(monkeypatch: pytest.MonkeyPatch):
    found = {files.code_digest("mdct.py"), files.code_digest("mdct.py", "stft.py")}
    assert files.code_digest("mdct.py") in found
    for name in files.COMPUTING:
        monkeypatch.setattr(
            files, "version", lambda asked, name=name: "0" if asked == name else "1"
        )
        found.add(files.code_digest("mdct.py"))
    assert len(found) == 2 + len(files.COMPUTING)
