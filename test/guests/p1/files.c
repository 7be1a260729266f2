// Lists "/" (names, a slash after folders), then shows the file ?path=.
#include <dirent.h>
#include <errno.h>
#include <stdio.h>

#include "params.h"

static int list(const char* path) {
  DIR* directory = opendir(path);
  if (directory == NULL) {
    printf("opendir: %s\n", strerror(errno));
    return 1;
  }
  struct dirent* entry;
  while ((entry = readdir(directory)) != NULL) printf("%s%s\n", entry->d_name, entry->d_type == DT_DIR ? "/" : "");
  closedir(directory);
  return 0;
}

static int show(const char* path) {
  FILE* file = fopen(path, "r");
  if (file == NULL) {
    printf("fopen: %s\n", strerror(errno));
    return 1;
  }
  char buffer[4096];
  size_t size;
  while ((size = fread(buffer, 1, sizeof buffer, file)) > 0) fwrite(buffer, 1, size, stdout);
  fclose(file);
  return 0;
}

int main(void) {
  const char* path = param_text("path", "");
  return *path == '\0' ? list("/") : show(path);
}
