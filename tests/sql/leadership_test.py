"""Leadership over two sessions: what a holder's open transaction delays, and what comes after.

Runs on the database that SDM_DATABASE names, with the schema deployed.
"""

import os
import threading
import time
import unittest

import psycopg2
from psycopg2.extensions import ISOLATION_LEVEL_REPEATABLE_READ

URI = os.environ["SDM_DATABASE"]


def session(name="leadership_test"):
    return psycopg2.connect(URI, application_name=name)


def ask(connection, statement, *values):
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchone()[0]


def take_over(name):
    with session() as connection:
        return ask(connection, "SELECT sdm.take_over(%s)", name)


class Takeover(threading.Thread):
    """A takeover in a session of its own."""

    def __init__(self):
        super().__init__()
        self.epoch = None

    def run(self):
        self.epoch = take_over("next")


class Leadership(unittest.TestCase):
    def setUp(self):
        self.leader = session("sdm-controller")
        self.addCleanup(self.leader.close)
        self.epoch = take_over("first")

    def hold(self, connection=None, epoch=None):
        ask(connection or self.leader, "SELECT sdm.hold_epoch(%s)", epoch or self.epoch)

    def wait_until_blocked(self):
        with session() as watcher:
            watcher.autocommit = True
            for _ in range(200):
                if ask(watcher, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"):
                    return
                time.sleep(0.02)
        self.fail("the takeover did not wait")

    def test_open_transaction_delays_takeover_and_commits_before_it(self):
        self.hold()
        takeover = Takeover()
        takeover.start()
        self.wait_until_blocked()
        ask(self.leader, "INSERT INTO sdm.project (project) VALUES (%s) RETURNING 1", f"p{self.epoch}")
        self.assertIsNone(takeover.epoch)
        self.leader.commit()
        takeover.join(10)
        self.assertEqual(takeover.epoch, self.epoch + 1)
        self.assertEqual(ask(self.leader, "SELECT count(*) FROM sdm.project WHERE project = %s", f"p{self.epoch}"), 1)

    def test_superseded_epoch_is_refused(self):
        take_over("next")
        with self.assertRaises(psycopg2.Error) as caught:
            self.hold()
        self.assertEqual(caught.exception.pgcode, "SD001")

    def test_writer_that_queues_behind_a_takeover_is_refused(self):
        self.hold()
        takeover = Takeover()
        takeover.start()
        self.wait_until_blocked()
        late = session("sdm-controller")
        self.addCleanup(late.close)
        codes = []

        def write_late():
            try:
                self.hold(late)
            except psycopg2.Error as error:
                codes.append(error.pgcode)

        writer = threading.Thread(target=write_late)
        writer.start()
        time.sleep(0.1)
        self.leader.commit()
        writer.join(10)
        takeover.join(10)
        self.assertEqual(codes, ["SD001"])

    def test_ending_the_sessions_of_a_stopped_leader_lets_the_takeover_through(self):
        self.hold()
        takeover = Takeover()
        takeover.start()
        self.wait_until_blocked()
        with session() as standby:
            ask(standby, "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                         " WHERE application_name = 'sdm-controller' AND datname = current_database()")
        takeover.join(10)
        self.assertEqual(takeover.epoch, self.epoch + 1)
        with self.assertRaises(psycopg2.Error):
            ask(self.leader, "SELECT 1")

    def test_two_holders_do_not_wait_for_each_other(self):
        other = session("sdm-controller")
        self.addCleanup(other.close)
        with other.cursor() as cursor:
            cursor.execute("SET lock_timeout = '2s'")
        self.hold()
        self.hold(other)

    def test_an_old_snapshot_cannot_hold(self):
        self.leader.set_session(isolation_level=ISOLATION_LEVEL_REPEATABLE_READ)
        with self.assertRaises(psycopg2.Error) as caught:
            self.hold()
        self.assertEqual(caught.exception.pgcode, "SD002")

    def test_standbys_that_race_get_different_epochs(self):
        racers = [Takeover() for _ in range(4)]
        for racer in racers:
            racer.start()
        for racer in racers:
            racer.join(10)
        self.assertEqual(sorted(racer.epoch for racer in racers), [self.epoch + n for n in range(1, 5)])


if __name__ == "__main__":
    unittest.main()
