// The files of tenants and functions as text. Private to who stores them.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "platform/function_record.h"
#include "platform/retired_numbers.h"
#include "platform/tenant_record.h"

namespace wasabi::platform {

// A function with all the versions it may have, each failed for the longest reason, in escapes.
inline constexpr std::size_t kMaxRecordBytes = 4 << 20;

std::string encodeTenant(const TenantRecord& tenant);
Result<TenantRecord> decodeTenant(std::string_view text, const std::string& name);

std::string encodeRetired(const RetiredNumbers& retired);
Result<RetiredNumbers> decodeRetired(std::string_view text, std::string_view file);

std::string encodeFunction(const FunctionRecord& record);
// `version` reads one of the versions that the record names.
Result<FunctionRecord> decodeFunction(std::string_view text, const FunctionName& name,
                                      const std::function<Result<VersionPtr>(std::uint32_t)>& version);

}  // namespace wasabi::platform
