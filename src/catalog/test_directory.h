// A directory for one test, under the name by which tests of catalogs and of those who use them know it.
#pragma once

#include "base/test_directory.h"

namespace wasabi::catalog {

using wasabi::readWholeFile;
using wasabi::TestDirectory;

}  // namespace wasabi::catalog
