UNITS: dict = {}
BUGS: dict = {}
