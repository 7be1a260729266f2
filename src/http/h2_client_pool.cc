#include "http/h2_client_pool.h"

#include <utility>

#include "http/client_core.h"
#include "http/h2_client_session.h"

namespace wasabi::http {

H2ClientPool::H2ClientPool() = default;
H2ClientPool::~H2ClientPool() = default;

Result<std::shared_ptr<H2ClientSession>> H2ClientPool::acquire(const std::shared_ptr<ClientCore>& core,
                                                               const Origin& origin, Duration connect_timeout,
                                                               bool look_again) {
  if (const auto found = sessions_.find(origin); found != sessions_.end()) {
    for (const auto& session : found->second) {
      if (session->hasRoom() && (!look_again || session->quiet())) return session;
    }
  }
  auto place = core->pool.acquireFresh(origin);
  if (!place) return fail(std::move(place).error());
  auto session = std::make_shared<H2ClientSession>(core, origin, std::move(*place));
  sessions_[origin].push_back(session);
  session->connect(connect_timeout);
  return session;
}

void H2ClientPool::remove(const H2ClientSession& session) {
  const auto found = sessions_.find(session.origin());
  if (found == sessions_.end()) return;
  std::erase_if(found->second, [&](const auto& entry) { return entry.get() == &session; });
  if (found->second.empty()) sessions_.erase(found);
}

void H2ClientPool::closeIdle() {
  for (auto entry = sessions_.begin(); entry != sessions_.end();) {
    std::erase_if(entry->second, [](const auto& session) { return session->idle(); });
    entry = entry->second.empty() ? sessions_.erase(entry) : std::next(entry);
  }
}

}  // namespace wasabi::http
