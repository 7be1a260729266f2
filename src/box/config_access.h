// What a box that is locked in must be able to read for its configuration file to be read again.
#pragma once

#include <string>
#include <vector>

namespace wasabi::box {

struct ConfigAccess {
  std::vector<std::string> readable;
  // The folder stays closed: a file that is put in the place of this one will not be seen.
  bool only_in_place = false;
};

// Who replaces a file by rename makes a new one, so its whole folder is opened: but only if everybody may read all
// there is in it and beneath, besides the file itself. `config_file` is absolute; empty for none.
ConfigAccess configAccess(const std::string& config_file);

}  // namespace wasabi::box
