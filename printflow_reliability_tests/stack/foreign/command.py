"""The product's program, for whom its installed script is out of reach: `python -m` this."""

from printflow_reliability.cli import main

if __name__ == "__main__":
    main()
