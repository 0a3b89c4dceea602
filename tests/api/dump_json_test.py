"""What Dump::to_json() writes: read by another JSON parser, and held against the description in <runtime/dump.hpp>."""

import json
import subprocess
import sys
import unittest

PROGRAM = sys.argv.pop(1)

HEX = r"^0x[0-9a-f]+$"
# Member: type, and whether every object has it.
RUNTIME = {"id": (int, True), "name": (str, True)}
WAIT = {"for": (str, True), "since_ns": (int, True), "fd": (int, False), "interest": (str, False),
        "remaining_ns": (int, False), "task": (int, False), "object": (str, False)}
FRAME = {"address": (str, True), "function": (str, True), "offset": (int, True), "module": (str, True),
         "module_offset": (int, True)}
TASK = {"id": (int, True), "name": (str, True), "state": (str, True), "started": (bool, True),
        "cancelled": (bool, True), "spawned_at": (str, True), "waits": (list, True), "frames": (list, True),
        "more_frames": (bool, False), "branches": (list, True)}
DUMP = {"runtime": (dict, True), "tasks": (list, True), "root": ((dict, type(None)), True), "deadlocks": (list, True)}


def no_member_twice(pairs):
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError(f"a member stands twice in {pairs}")
    return result


class DumpTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        output = subprocess.run([PROGRAM], stdout=subprocess.PIPE, timeout=60, check=True).stdout
        # strict: what the file says is UTF-8, and control characters are escaped.
        cls.outside, cls.dump, cls.after = json.loads(output.decode("utf-8", "strict"), object_pairs_hook=no_member_twice)
        cls.tasks = {task["name"]: task for task in cls.dump["tasks"] if task["name"]}

    def check_members(self, value, schema):
        for member in value:
            self.assertIn(member, schema)
        for member, (kind, is_always) in schema.items():
            if is_always:
                self.assertIn(member, value)
            if member in value:
                self.assertIsInstance(value[member], kind, member)
                if kind is int:
                    self.assertNotIsInstance(value[member], bool, member)
                    self.assertGreaterEqual(value[member], 0, member)

    def check_task(self, task):
        self.check_members(task, TASK)
        self.assertIn(task["state"], ("running", "ready", "parked"))
        for wait in task["waits"]:
            self.check_members(wait, WAIT)
            self.assertEqual("fd" in wait, "interest" in wait)
        for frame in task["frames"]:
            self.check_members(frame, FRAME)
            self.assertRegex(frame["address"], HEX)
        for branch in task["branches"]:
            self.check_task(branch)

    def functions(self, task):
        return [frame["function"] for frame in task["frames"]]

    def test_every_object_has_the_members_of_the_schema_and_no_others(self):
        for dump in (self.outside, self.dump, self.after):
            self.check_members(dump, DUMP)
            self.check_members(dump["runtime"], RUNTIME)
            for task in dump["tasks"]:
                self.check_task(task)
            for ring in dump["deadlocks"]:
                for number in ring:
                    self.assertIsInstance(number, int)
        self.check_task(self.dump["root"])

    def test_no_root_and_no_tasks_outside_and_after(self):
        for dump in (self.outside, self.after):
            self.assertIsNone(dump["root"])
            self.assertEqual(dump["tasks"], [])
            self.assertEqual(dump["runtime"]["id"], self.dump["runtime"]["id"])

    def test_names_come_through_and_what_is_not_utf8_is_replaced(self):
        self.assertEqual(self.dump["runtime"]["name"], 'quoted "\\\x01 and \ufffd')
        self.assertIn("tab\there, caf\u00e9, \U0001f980, broken \ufffd( \ufffd\ufffd\ufffd \ufffd", self.tasks)

    def test_states(self):
        self.assertEqual(self.tasks["asking"]["state"], "running")
        self.assertEqual(self.tasks["yielder"]["state"], "ready")
        self.assertEqual(self.tasks["sleeper"]["state"], "parked")
        self.assertEqual([self.tasks[name]["started"] for name in ("fresh", "sleeper")], [False, True])
        self.assertEqual([self.tasks[name]["cancelled"] for name in ("stubborn", "sleeper")], [True, False])
        self.assertEqual(self.tasks["fresh"]["frames"], [])
        self.assertEqual(self.dump["root"]["id"], 0)

    def test_waits(self):
        timer = self.tasks["sleeper"]["waits"][0]
        self.assertEqual(timer["for"], "timer")
        self.assertLessEqual(timer["remaining_ns"], 3600 * 10**9)
        self.assertGreater(timer["remaining_ns"], 3000 * 10**9)
        read = self.tasks["reader"]["waits"][0]
        self.assertEqual((read["for"], read["interest"]), ("descriptor", "readable"))
        self.assertEqual(self.dump["root"]["waits"][0]["task"], self.tasks["asking"]["id"])
        branches = self.tasks["chooser"]["branches"]
        self.assertEqual(sorted(branch["waits"][0]["for"] for branch in branches), ["descriptor", "timer"])

    def test_the_deadlock(self):
        ring, = self.dump["deadlocks"]
        self.assertEqual(len(ring), 2)
        waits = {task["id"]: task["waits"] for task in self.dump["tasks"]}
        for at, after in ((ring[0], ring[1]), (ring[1], ring[0])):
            self.assertEqual([wait.get("task") for wait in waits[at]], [after])

    def test_frames(self):
        if not self.tasks["sleeper"]["frames"]:
            self.skipTest("stacks cannot be walked on this processor")
        self.assertTrue(any("sleep_in_a_static_function" in name for name in self.functions(self.tasks["sleeper"])))
        self.assertTrue(any("dump_json_program" in frame["module"] for frame in self.tasks["sleeper"]["frames"]))
        self.assertTrue(self.tasks["deep"]["more_frames"])
        self.assertNotIn("more_frames", self.tasks["sleeper"])

    def test_spawn_sites(self):
        for task in self.dump["tasks"]:
            self.assertRegex(task["spawned_at"], r"dump_json_program\.cpp:\d+$")


if __name__ == "__main__":
    unittest.main()
