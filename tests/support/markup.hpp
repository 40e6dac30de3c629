// SPDX-License-Identifier: MIT
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace membudget::test {

/// A start tag of XML or HTML with its attributes, unescaped.
struct Element {
  std::string name;
  std::map<std::string, std::string> attributes;

  [[nodiscard]] double number(const std::string& attribute) const;
};

/// Every start tag in order; comments and what is inside of script elements are left out.
[[nodiscard]] std::vector<Element> elements_of(std::string_view markup);
/// Those that have this class among theirs.
[[nodiscard]] std::vector<Element> of_class(const std::vector<Element>& elements,
                                            std::string_view name);

/// What is wrong with the tags of a page: unclosed, crossed, or not closed in order. Empty:
/// nothing.
[[nodiscard]] std::string tag_faults(std::string_view page);

/// What xmllint says of a document; empty: it is well-formed. "no xmllint" where there is none.
[[nodiscard]] std::string xml_faults(std::string_view document);

/// The text of the script element with that id.
[[nodiscard]] std::string script_of(std::string_view page, std::string_view id);

/// The svg elements of a page.
[[nodiscard]] std::vector<std::string> drawings_of(std::string_view page);

}  // namespace membudget::test
