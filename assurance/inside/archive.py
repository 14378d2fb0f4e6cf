"""Compiles standard JSON into an archive that every command of Slither reads.

Runs in the analysers' environment: `python archive.py INPUT.json SOLC`, in the folder that holds
the sources. Slither cannot read a Hardhat 3 project, and of a single file it finds no contract
when the compiler takes only standard JSON.
"""

import sys

from crytic_compile import CryticCompile
from crytic_compile.platform.solc_standard_json import SolcStandardJson

if __name__ == "__main__":
    question, solc = sys.argv[1:]
    compilation = CryticCompile(SolcStandardJson(question), solc=solc, solc_disable_warnings=True)
    print(compilation.export(export_format="archive", export_dir=".")[0])
