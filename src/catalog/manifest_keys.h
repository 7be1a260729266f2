// Keys of a manifest that are for containers and for the platform around the box. Private to the manifest parser.
#pragma once

#include "catalog/manifest_parser.h"
#include "catalog/toml_table.h"

namespace wasabi::catalog {

// `image` and what belongs to it. Says so where a key is of no use for the kind of function that the manifest is of.
void readContainer(KnownTable& top, const toml::table& table, Problems& problems, Manifest& out);

// After [env]: a secret may not have the name of a variable.
void readSecrets(KnownTable& top, Problems& problems, Manifest& out);

// `visibility`, `isolation`, `scale`, `check`.
void readPlatformSettings(KnownTable& top, Problems& problems, PlatformSettings& out);

}  // namespace wasabi::catalog
