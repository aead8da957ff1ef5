"""`python -m jaxgan`."""

import sys

from jaxgan.cli import main

sys.exit(main())
