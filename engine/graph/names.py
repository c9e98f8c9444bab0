"""Names that are not taken yet."""


def fresh_name(name: str, taken: set[str]) -> str:
    """*name*, or the first of name_1, name_2 ... outside *taken*, which it joins."""
    candidate, number = name, 0
    while candidate in taken:
        number += 1
        candidate = f"{name}_{number}"
    taken.add(candidate)
    return candidate
