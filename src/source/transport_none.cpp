// SPDX-License-Identifier: MIT
#ifndef MEMBUDGET_HAS_CURL

#include "membudget/error.hpp"
#include "source/http.hpp"

namespace membudget {

std::unique_ptr<Transport> make_transport(const NetworkLimits& /*limits*/) {
  throw Error(Errc::network, "",
              "this build of membudget does not read over the network (it was made without "
              "libcurl); download the file and give its path, or build with "
              "-DMEMBUDGET_WITH_CURL=ON");
}

bool reads_over_network() {
  return false;
}

}  // namespace membudget

#endif
