"""What a process of a test begins with, to read a part of the program and not all of it.

All of it takes four seconds of a core.
"""

ALONE = """
import sys
from types import ModuleType

program = sys.modules["app"] = ModuleType("app")
program.__path__ = ["app"]
"""
