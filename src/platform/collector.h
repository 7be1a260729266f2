// Carries a collection out (collection.h says what goes). Private to platform.cc.
#pragma once

#include <cstdint>

#include "platform/collection.h"
#include "platform/platform.h"

namespace wasabi::platform {

// First the versions, each with its function's record; then, while nobody deploys, what none of those that are left is
// made of.
Result<CollectionReport> collectUnreachable(Records& records, const Blobs& blobs, const Leases& leases,
                                            const CollectionRules& rules, std::int64_t now_ms);

}  // namespace wasabi::platform
