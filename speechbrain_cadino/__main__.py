"""``python -m speechbrain_cadino COMMAND``; ``--help`` lists the commands."""

from speechbrain_cadino.utils.imports import stoppable_imports

with stoppable_imports():
    from speechbrain_cadino.commands.group import run

if __name__ == "__main__":
    run()
