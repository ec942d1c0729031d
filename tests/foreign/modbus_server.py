"""A Modbus TCP server that is not ours: pymodbus, with registers laid out by hand.

Prints one JSON object a line on standard output:

    {"port": 40123}                                             once, when it listens
    {"unit": 1, "register": 16, "value": 3088, "at": [t1, t2]}  the device has answered two reads
                                                                with this value, first and second
                                                                time in milliseconds since 1970
    {"function": 6}                                             something other than a read came in

Takes one JSON object a line on standard input:

    {"unit": 1, "register": 16, "values": [3088]}               sets holding registers
    {"unit": 1, "silent": true}                                 answers nothing for that unit, or again

Registers are numbered as on the wire, from 0. It ends with its standard input.
"""

import asyncio
import json
import sys
import time

from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

READS = {1, 2, 3, 4, 0x2B}
WRITE_REGISTERS = 16  # how this server's own registers are set; never over the wire
UNITS = range(1, 20)


def say(**what):
    print(json.dumps(what), flush=True)


class Watch:
    """Remembers what was asked and answered."""

    def __init__(self):
        self.asked = {}
        self.answered = {}
        self.silent = set()

    def pdu(self, sending, pdu):
        name = (pdu.dev_id, pdu.transaction_id)
        if not sending:
            if pdu.function_code not in READS:
                say(function=pdu.function_code)
            self.asked[name] = getattr(pdu, "address", 0)
            return pdu
        first = self.asked.pop(name, None)
        if first is None or pdu.isError() or not getattr(pdu, "registers", None):
            return pdu
        now = int(time.time() * 1000)
        for place, value in enumerate(pdu.registers):
            self.answer(pdu.dev_id, first + place, value, now)
        return pdu

    def answer(self, unit, register, value, now):
        before = self.answered.get((unit, register))
        if before is None or before[0] != value:
            self.answered[unit, register] = (value, now, False)
        elif not before[2]:
            self.answered[unit, register] = (value, before[1], True)
            say(unit=unit, register=register, value=value, at=[before[1], now])


def packet(watch):
    """Drops the answers of silent units: byte 6 of a Modbus TCP frame is the unit."""

    def trace(sending, data):
        if sending and len(data) > 6 and data[6] in watch.silent:
            return b""
        return data

    return trace


async def main():
    watch = Watch()
    registers = [0] * 50_000
    units = [
        SimDevice(id=unit, simdata=[SimData(0, values=registers, datatype=DataType.REGISTERS)])
        for unit in UNITS
    ]
    server = ModbusTcpServer(
        units, address=("127.0.0.1", 0), trace_pdu=watch.pdu, trace_packet=packet(watch)
    )
    await server.serve_forever(background=True)
    say(port=server.transport.sockets[0].getsockname()[1])
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        order = json.loads(line)
        if "silent" in order:
            (watch.silent.add if order["silent"] else watch.silent.discard)(order["unit"])
        else:
            await server.async_setValues(
                order["unit"], WRITE_REGISTERS, order["register"], order["values"]
            )


asyncio.run(main())
