// How far the server goes for what tenants name in registries.
#pragma once

#include "oci/registry_options.h"

namespace wasabi::serve {

// Addresses that anybody reaches: none of this machine, nor of the networks that it is in.
oci::AddressFilter onlyPublicAddresses();

}  // namespace wasabi::serve
