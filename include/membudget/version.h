/* SPDX-License-Identifier: MIT */
#ifndef MEMBUDGET_VERSION_H
#define MEMBUDGET_VERSION_H

/** @file
 * The version of these headers, by semver.org: the one place where it is written, for C and C++.
 * membudget_version() has that of the library that is linked. */

/** Changes when something that worked stops to work; while it is 0, the minor version does. */
#define MEMBUDGET_VERSION_MAJOR 0
/** Changes when something is added. */
#define MEMBUDGET_VERSION_MINOR 1
/** Changes when something is mended. */
#define MEMBUDGET_VERSION_PATCH 0

/** One number to compare in the preprocessor: 10203 is 1.2.3. */
#define MEMBUDGET_VERSION_NUMBER \
  (MEMBUDGET_VERSION_MAJOR * 10000 + MEMBUDGET_VERSION_MINOR * 100 + MEMBUDGET_VERSION_PATCH)

/** Of an argument's value, which `#` alone does not take. */
#define MEMBUDGET_VERSION_TEXT(major, minor, patch) MEMBUDGET_VERSION_QUOTED(major.minor.patch)
/** @copydoc MEMBUDGET_VERSION_TEXT */
#define MEMBUDGET_VERSION_QUOTED(version) #version
/** "0.1.0" */
#define MEMBUDGET_VERSION \
  MEMBUDGET_VERSION_TEXT(MEMBUDGET_VERSION_MAJOR, MEMBUDGET_VERSION_MINOR, MEMBUDGET_VERSION_PATCH)

#endif
