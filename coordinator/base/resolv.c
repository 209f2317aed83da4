#include "base/resolv.h"

#include <stdio.h>

#include "base/file.h"

enum { FILE_BYTES_MAX = 16 * 1024, LINE_MAX_BYTES = 256 };

size_t
locum_resolv_read(const char *path, uint16_t port, struct locum_address ret[LOCUM_RESOLV_MAX])
{
    char buffer[FILE_BYTES_MAX];
    char line[LINE_MAX_BYTES], host[LOCUM_ADDRESS_TEXT_MAX];
    size_t length, count = 0;
    struct locum_slice next;
    if (locum_file_read(path, buffer, sizeof(buffer), &length, NULL, NULL) != 0) {
        return 0;
    }
    struct locum_slice rest = {.at = buffer, .length = length};
    while (count < LOCUM_RESOLV_MAX && locum_slice_cut(&rest, '\n', &next)) {
        if (locum_slice_copy(next, line, sizeof(line)) == 0 &&
            sscanf(line, " nameserver %55s", host) == 1 &&
            locum_address_parse(locum_slice_of(host), &ret[count]) == 0) {
            ret[count++].port = port;
        }
    }
    return count;
}
