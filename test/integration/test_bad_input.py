"""Bad input again and again: the box answers each time as it should and holds nothing of it.

test/integration/soak does the same for longer.
"""

import unittest

from harness import bad_input
from harness.box import Box, scratch
from harness.case import BoxCase

# As many as take about a second.
COUNTS = {
    "start function that loops": 100,
    "start function that grows for ever": 400,
    "new bad modules": 45,
    "100,000 headers": 200,
    "one byte now and then": 500,
    "compiled module spoiled": 30,
}
# The pool keeps as many slots warm as were ever used at once, 144 KiB each, and that is not settled after so few.
MOST_GROWTH = 16 << 20


class Repeated(BoxCase):
    functions = bad_input.FUNCTIONS

    def test_nothing_is_held_after_it(self):
        for name, case in bad_input.CASES.items():
            with self.subTest(name):
                count = COUNTS.get(name, 1500)
                case(self.box, max(24, count // 3))
                before = bad_input.Held(self.box)
                case(self.box, count)
                after = bad_input.Held(self.box)
                self.assertLess(after.resident - before.resident, MOST_GROWTH)
                self.assertLessEqual(after.descriptors - before.descriptors, 4)
                self.assertLessEqual(after.mappings - before.mappings, 150)  # warm slots have some, too
                self.assertEqual(self.box.call("/t/hello").status, 200)
