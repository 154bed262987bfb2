"""Files that users' code opens are noted, and looking for whose line it was is not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPT = """
import sys
from pathlib import Path
from ganbench import user_code
from ganbench.execution import file_reads

def plugin_folders():
    Path(sys.argv[2]).read_text()  # as the metadata of a package that lies beside the installed ones
    return ()

user_code._plugin_folders = plugin_folders
reads = file_reads.FileReads()
Path(sys.argv[1]).read_text()
print([file.name for file in reads.by([Path(sys.argv[0]).resolve()])])
"""


def test_a_file_opened_while_looking_whose_line_it_was_is_not_looked_at_again(tmp_path: Path) -> None:
    script, data, metadata = tmp_path / "script.py", tmp_path / "data.csv", tmp_path / "entry_points.txt"
    for file, text in ((script, SCRIPT), (data, "1,2"), (metadata, "")):
        file.write_text(text, encoding="utf-8")
    command = [sys.executable, str(script), str(data), str(metadata)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "['data.csv']"
