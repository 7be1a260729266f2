// ?code=N&output=text: writes the text, then ends with the code.
#include <stdio.h>

#include "params.h"

int main(void) {
  fputs(param_text("output", ""), stdout);
  fflush(stdout);
  exit((int)param_number("code", 0));
}
