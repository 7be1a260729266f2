#include "box/ending.h"

namespace wasabi::box {

Reason reasonForLoadFailure(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalid:
      return Reason::kProgramInvalid;
    case ErrorCode::kNotFound:
    case ErrorCode::kCorrupt:
      return Reason::kProgramNotCompiled;
    case ErrorCode::kExhausted:
    case ErrorCode::kTimeout:
      return Reason::kProgramTooCostly;
    default:
      return Reason::kProgramUnavailable;
  }
}

Reason reasonFor(engine::EndKind kind) {
  switch (kind) {
    case engine::EndKind::kReturned:
      return Reason::kNone;
    case engine::EndKind::kExitCode:
      return Reason::kExitCode;
    case engine::EndKind::kTrap:
      return Reason::kTrap;
    case engine::EndKind::kStackOverflow:
      return Reason::kStackOverflow;
    case engine::EndKind::kMemoryLimit:
      return Reason::kMemoryLimit;
    case engine::EndKind::kResourceLimit:
      return Reason::kResourceLimit;
    case engine::EndKind::kNoResponse:
      return Reason::kNoResponse;
    case engine::EndKind::kGuestError:
      return Reason::kGuestError;
    case engine::EndKind::kPoolFull:
      return Reason::kBoxFull;
    case engine::EndKind::kHostFault:
      return Reason::kHostFault;
  }
  return Reason::kHostFault;
}

Reason reasonFor(http::CloseReason reason) {
  switch (reason) {
    case http::CloseReason::kFinished:
      return Reason::kNone;
    case http::CloseReason::kTimedOut:
      return Reason::kClientTooSlow;
    case http::CloseReason::kAborted:
      return Reason::kStopped;
    case http::CloseReason::kPeerGone:
    case http::CloseReason::kProtocolError:
      return Reason::kClientGone;
  }
  return Reason::kClientGone;
}

}  // namespace wasabi::box
