"""A Modbus RTU server that is not ours: pymodbus, on a serial port or over TCP.

    modbus_rtu_server.py /dev/pts/7      RTU on a serial port, 19200 baud, 8N1
    modbus_rtu_server.py                 RTU over TCP, on a free port

Units 1 to 3 each hold 1,000 holding registers; each register holds 1,000 times its unit plus its
own number. Prints one JSON object when it serves: {"port": 40123}, or {"port": 0} on a serial
port. It ends with its standard input.
"""

import asyncio
import json
import sys

from pymodbus import FramerType
from pymodbus.server import ModbusSerialServer, ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice


def unit(number):
    held = [number * 1_000 + register for register in range(1_000)]
    return SimDevice(id=number, simdata=[SimData(0, values=held, datatype=DataType.REGISTERS)])


async def main():
    units = [unit(number) for number in (1, 2, 3)]
    if len(sys.argv) > 1:
        server = ModbusSerialServer(
            units,
            framer=FramerType.RTU,
            port=sys.argv[1],
            baudrate=19_200,
            bytesize=8,
            parity="N",
            stopbits=1,
        )
    else:
        server = ModbusTcpServer(units, framer=FramerType.RTU, address=("127.0.0.1", 0))
    await server.serve_forever(background=True)
    port = 0 if len(sys.argv) > 1 else server.transport.sockets[0].getsockname()[1]
    print(json.dumps({"port": port}), flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


asyncio.run(main())
