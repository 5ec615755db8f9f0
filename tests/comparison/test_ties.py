"""Groups of systems that cannot be told apart."""

from itertools import combinations

from fusion_demo.comparison.ties import tie_groups


def test_a_system_between_two_that_differ_is_in_both_groups():
    assert tie_groups(["a", "b", "c"], [("a", "c")]) == {"a": "a", "b": "ab", "c": "b"}


def test_systems_that_never_differ_are_one_group_and_those_that_all_differ_are_alone():
    names = ["a", "b", "c"]
    assert tie_groups(names, []) == {"a": "a", "b": "a", "c": "a"}
    assert tie_groups(names, combinations(names, 2)) == {"a": "a", "b": "b", "c": "c"}


def test_two_systems_share_a_letter_exactly_if_no_test_tells_them_apart():
    names = ["w", "x", "y", "z"]
    pairs = list(combinations(names, 2))
    for number in range(2 ** len(pairs)):
        apart = [pair for i, pair in enumerate(pairs) if number >> i & 1]
        letters = tie_groups(names, apart)
        assert all(letters[name] for name in names)
        assert letters["w"].startswith("a")
        for one, other in pairs:
            assert bool(set(letters[one]) & set(letters[other])) == ((one, other) not in apart)


def test_the_order_of_the_pairs_does_not_matter():
    apart = [("a", "c"), ("a", "d"), ("b", "d")]
    found = [tie_groups(["a", "b", "c", "d"], order) for order in (apart, apart[::-1])]
    assert found[0] == found[1] == {"a": "a", "b": "ab", "c": "bc", "d": "c"}
