// The whole environment, a variable a line: what the CGI contract promises.
#include <stdio.h>

extern char** environ;

int main(void) {
  for (char** variable = environ; *variable != NULL; ++variable) puts(*variable);
  return 0;
}
