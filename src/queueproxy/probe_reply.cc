#include "queueproxy/probe_reply.h"

#include "base/text.h"

namespace wasabi::queueproxy {

ProbeReply::ProbeReply(http::ServerStream& stream, TimePoint arrived, Owner& owner)
    : stream_(stream), arrived_(arrived), owner_(owner) {
  stream.attach(*this);
}

void ProbeReply::answer(const ProbeAnswer& answer) {
  status_ = answer.status;
  stream_.sendHead({answer.status, answer.headers}, answer.body.size());
  stream_.send(bytesOf(answer.body));
  stream_.finish({});
}

void ProbeReply::onClosed(http::CloseReason) {
  owner_.probeOver(*this);
}

}  // namespace wasabi::queueproxy
