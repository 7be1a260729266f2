// stdin to stdout, as it comes. Constant memory whatever the size.
#include <unistd.h>

static char buffer[64 * 1024];

int main(void) {
  for (;;) {
    const ssize_t size = read(STDIN_FILENO, buffer, sizeof buffer);
    if (size < 0) return 2;
    if (size == 0) return 0;
    for (ssize_t done = 0; done < size;) {
      const ssize_t written = write(STDOUT_FILENO, buffer + done, (size_t)(size - done));
      if (written < 0) return 3;
      done += written;
    }
  }
}
