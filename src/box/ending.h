// What the ends that others tell of come to in our words.
#pragma once

#include "base/error.h"
#include "box/outcome.h"
#include "engine/invocation.h"
#include "http/server.h"

namespace wasabi::box {

// Why a program could not be had (see ProgramCache::load).
Reason reasonForLoadFailure(ErrorCode code);
// How the guest ended.
Reason reasonFor(engine::EndKind kind);
// How the client's side ended.
Reason reasonFor(http::CloseReason reason);

}  // namespace wasabi::box
