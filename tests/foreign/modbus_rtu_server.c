/* A Modbus RTU server that is not ours: libmodbus, on a serial port, 19200 baud, 8E1.
 *
 *     modbus_rtu_server /dev/pts/7
 *
 * Unit 1 holds 1,000 holding registers; each holds 1,000 plus its own number. Prints
 * {"port": 0} when it serves. It ends when it is killed.
 */

#include <errno.h>
#include <modbus.h>
#include <stdio.h>

#define UNIT 1
#define REGISTERS 1000

int main(int count, char **words) {
    if (count != 2) {
        fprintf(stderr, "which port?\n");
        return 2;
    }
    modbus_t *port = modbus_new_rtu(words[1], 19200, 'E', 8, 1);
    modbus_mapping_t *held = modbus_mapping_new(0, 0, REGISTERS, 0);
    if (port == NULL || held == NULL || modbus_set_slave(port, UNIT) != 0 ||
        modbus_connect(port) != 0) {
        fprintf(stderr, "%s: %s\n", words[1], modbus_strerror(errno));
        return 1;
    }
    for (int i = 0; i < REGISTERS; i++) {
        held->tab_registers[i] = (uint16_t)(UNIT * 1000 + i);
    }
    printf("{\"port\": 0}\n");
    fflush(stdout);
    for (;;) {
        uint8_t question[MODBUS_RTU_MAX_ADU_LENGTH];
        int length = modbus_receive(port, question);
        if (length > 0) {
            modbus_reply(port, question, length, held);
        } else if (length < 0) {
            modbus_flush(port);
        }
    }
}
