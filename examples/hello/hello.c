// A function can be as little as this: what it prints is the answer.
#include <stdio.h>
#include <stdlib.h>

int main(void) {
  const char* agent = getenv("HTTP_USER_AGENT");
  printf("%s from C! You called %s with %s.\n", getenv("GREETING"), getenv("SCRIPT_NAME"),
         agent != NULL ? agent : "no user agent");
  return 0;
}
