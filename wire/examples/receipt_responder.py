"""The smallest honest consumer of Firegrid: takes every batch of a region and answers with receipts.

    python3 receipt_responder.py --broker 127.0.0.1:1883 --region demo --journal journal.jsonl

Needs paho-mqtt 2. What it takes it writes to its journal, one line a batch, with the batch's name in
the same line: the line *is* the commit. Only when the line is on the disk the receipt goes out, and
from then on the gateway may forget the batch. Start it again and it goes on where its journal ends.

It judges nothing, and so wants no refresh: whoever takes decisions from readings reads section 6 of
../README.md whole. A lane of which it knows nothing it takes from whatever comes first.
"""

import argparse
import json
import os

import paho.mqtt.client as mqtt
from paho.mqtt.properties import Properties
from paho.mqtt.packettypes import PacketTypes

VERSION = "firegrid/1"
LANES = ("urgent", "routine")


class Lane:
    """What is safe of one gateway's lane: the position, and how far each span was taken."""

    def __init__(self):
        self.position = None
        self.ends = {}

    def admit(self, name, after, marker):
        """What a batch is: new, hole, duplicate, gap or another. `name`, `after` are (span, seq)."""
        span, seq = name
        if seq <= self.ends.get(span, 0):
            return "duplicate"
        if self.position is None:
            return "new"  # whatever stood before was receipted to somebody else, or never was
        at_span, at_seq = self.position
        if marker is not None:
            touched = {end["span"]: end["seq"] for end in marker["ends"]}
            first_span, first_seq = read_name(marker["first"])
            if first_span == at_span and at_seq + 1 < first_seq:
                return "gap"  # it begins further on: what lies between is asked for
            if at_span in touched:
                return "hole"  # tested before `after`
        if span != at_span and span in self.ends:
            return "another"  # an earlier span goes on: two boxes use one identity
        if span == at_span:
            return "new" if seq == at_seq + 1 else "gap"
        if after == self.position:
            return "hole" if marker else "new"
        if after == "none" or (after is not None and after[1] <= self.ends.get(after[0], 0)):
            return "hole"  # the spool was lost, or restored from an old image
        return "gap"

    def move_to(self, name, marker):
        for end in marker["ends"] if marker else []:
            self.ends[end["span"]] = max(end["seq"], self.ends.get(end["span"], 0))
        self.position = name
        self.ends[name[0]] = name[1]

    def next(self):
        return self.position and (self.position[0], self.position[1] + 1)


class Responder:
    """All lanes, the journal, and the connection."""

    def __init__(self, region, journal):
        self.region = region
        self.lanes = {}
        for line in open(journal, encoding="utf-8") if os.path.exists(journal) else []:
            if not line.endswith("\n"):
                break  # torn by a crash before its receipt: the gateway sends it again
            entry = json.loads(line)
            lane = self.lane(entry["gateway"], entry["lane"])
            lane.move_to(read_name(entry["name"]), entry.get("marker"))
        self.journal = open(journal, "r+b" if os.path.exists(journal) else "w+b")
        self.journal.seek(0)
        whole = self.journal.read().rfind(b"\n") + 1
        self.journal.truncate(whole)
        self.journal.seek(whole)
        self.client = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2, f"responder-{region}", protocol=mqtt.MQTTv5
        )
        self.client.on_connect = self.connected
        self.client.on_message = self.message

    def lane(self, gateway, lane):
        return self.lanes.setdefault((gateway, lane), Lane())

    def connected(self, client, _userdata, _flags, _reason, _properties):
        below = f"{VERSION}/{self.region}/gw/+"
        client.subscribe([(f"{below}/urgent", 1), (f"{below}/routine", 1), (f"{below}/beat", 0)])
        for gateway in {gateway for gateway, _ in self.lanes}:
            self.receipt(gateway)  # what was safe before, in case its receipt was lost
        print("listening", flush=True)

    def message(self, _client, _userdata, message):
        gateway, channel = message.topic.split("/")[-2:]
        if channel == "beat":
            self.receipt(gateway)  # every beat is answered: so a lost receipt heals
            return
        properties = dict(message.properties.UserProperty)
        name = (properties["span"], int(properties["seq"]))
        lane = self.lane(gateway, channel)
        try:
            head, *records = json.loads(message.payload)
            after = head.get("after")
            after = after if after in (None, "none") else read_name(after)
            marker = head.get("marker")
        except (ValueError, KeyError, AttributeError) as error:
            # The envelope still names it. It is kept as it came and receipted, or the lane
            # would stand still for ever.
            records, marker = [{"unreadable": repr(error)}], None
            after = lane.position if name[1] == 1 else None
        what = lane.admit(name, after, marker)
        if what in ("new", "hole"):
            self.commit(gateway, channel, name, marker, records, what)
            lane.move_to(name, marker)
            self.receipt(gateway)
        elif what == "duplicate":
            self.receipt(gateway, {channel: {"duplicate": write_name(name)}})
        elif what == "gap" and lane.next():
            # With every one that comes: a question may be lost as well as an answer.
            self.receipt(gateway, {channel: {"ask": write_name(lane.next())}})
        elif what == "another":
            print(f"two boxes are {gateway}: {channel} {write_name(name)} is not taken", flush=True)

    def commit(self, gateway, lane, name, marker, records, what):
        entry = {"gateway": gateway, "lane": lane, "name": write_name(name), "what": what}
        entry.update({"marker": marker} if marker else {})
        entry["records"] = records
        self.journal.write(json.dumps(entry, ensure_ascii=False).encode() + b"\n")
        self.journal.flush()
        os.fsync(self.journal.fileno())

    def receipt(self, gateway, more=None):
        """Tells the gateway what is safe. Lower than known is ignored, so it can be repeated."""
        receipt = {}
        for lane in LANES:
            position = self.lane(gateway, lane).position
            receipt[lane] = {"position": write_name(position)} if position else {}
            receipt[lane].update((more or {}).get(lane, {}))
        properties = Properties(PacketTypes.PUBLISH)
        properties.MessageExpiryInterval = 30
        self.client.publish(
            f"{VERSION}/{self.region}/gw/{gateway}/receipt",
            json.dumps(receipt),
            qos=1,
            properties=properties,
        )

    def run(self, host, port):
        properties = Properties(PacketTypes.CONNECT)
        properties.SessionExpiryInterval = 0
        self.client.connect(host, port, clean_start=True, properties=properties)
        self.client.loop_forever(retry_first_connection=True)


def read_name(text):
    span, seq = text.split("/")
    return (span, int(seq))


def write_name(name):
    return f"{name[0]}/{name[1]}"


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--broker", default="127.0.0.1:1883")
    arguments.add_argument("--region", required=True)
    arguments.add_argument("--journal", required=True)
    chosen = arguments.parse_args()
    host, port = chosen.broker.rsplit(":", 1)
    Responder(chosen.region, chosen.journal).run(host, int(port))


if __name__ == "__main__":
    main()
