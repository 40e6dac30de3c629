# SPDX-License-Identifier: MIT
# Data flows one way: from descriptions over engine and plan to reports. This reads the #include
# lines under ROOT and fails on one that a layer is not allowed, so that no cycle can arise.
#   cmake -D ROOT=<checkout> -P tests/check_layers.cmake
cmake_minimum_required(VERSION 3.25)

set(layers "")

# layer(NAME PATTERN... MAY LAYER...): files whose path under ROOT matches a PATTERN may include
# their own layer and those after MAY. The first layer that matches a path is its layer.
macro(layer name)
  cmake_parse_arguments(arg "" "" "MAY" ${ARGN})
  list(APPEND layers ${name})
  set(${name}_patterns ${arg_UNPARSED_ARGUMENTS})
  set(${name}_may ${name} ${arg_MAY})
endmacro()

set(h "^include/membudget/")
layer(version "${h}version\\.h$")
layer(units "${h}(units|error)\\.hpp$" "^src/(units|error)\\.cpp$" "^src/(ascii|context_limit)\\.[ch]pp$")
layer(tensor "${h}(tensor|pooling|attachments)\\.hpp$" "^src/(tensor|attachments)\\.cpp$"
      "^src/tensor_pattern\\.[ch]pp$" MAY units)
# What the rest works on: values without a file, a network or a host behind them.
set(below_model units tensor)
layer(workload "${h}workload\\.hpp$" MAY ${below_model})
layer(machine "${h}(machine|link)\\.hpp$" "^src/machine/(machine|chip)\\.[ch]pp$" MAY units)
# How advice is given: values of profiles/ that the searches over plans take.
layer(advice_rules "${h}advice_rules\\.hpp$" "^src/advice_rules\\.cpp$" MAY ${below_model})
# What is measured at run time: values, and the files they are kept in.
layer(health "${h}(health|thermal_state)\\.hpp$" "^src/health/(health|thermal_state)\\.cpp$" MAY units)
layer(detection "${h}(host_readings|this_machine)\\.hpp$" "^src/machine/(this_machine|darwin|linux|other)"
      MAY units machine health)
layer(records "${h}(record|calibration)\\.hpp$" "^src/records/" MAY ${below_model} runtime)
layer(model "${h}model(_names)?\\.hpp$" "^src/model/" MAY ${below_model})
layer(settings_format "${h}settings_format\\.hpp$" "^src/settings_format\\.cpp$")
layer(runtime "${h}(runtime|engine_rules|ollama|speed_rules|quality_table|capability|serving_rules|stack_profile)\\.hpp$"
      "^src/(runtime|serving_rules)\\.cpp$" "^src/ollama/" MAY ${below_model} workload model settings_format)
set(described ${below_model} workload machine model settings_format runtime advice_rules)
# The seam to the world. Nothing below may include it.
layer(sources "${h}(nearest|profiles|check|load_model|model_bytes)\\.hpp$" "^src/(source|profiles)/" "^src/load_model\\.cpp$"
      MAY ${described} detection health records)
# Servers and this machine, asked while a model runs.
layer(monitor "${h}server_monitor\\.hpp$" "^src/health/" MAY ${described} detection sources health records)
layer(engine "${h}(footprint|inspect)\\.hpp$" "^src/footprint\\.cpp$" "^src/engine/" MAY ${described})
layer(budget "${h}budget\\.hpp$" "^src/plan/budget\\.cpp$" MAY ${described})
# What a footprint runs at, and what a quantization loses; advice weighs both.
layer(speed "${h}(speed|quality)\\.hpp$" "^src/(speed|quality)/" MAY ${described} engine)
layer(plan "${h}(plan|advise|stack|stack_schedule|distribute|sweep)\\.hpp$" "^src/plan/" MAY ${described} engine budget speed)
layer(rank "${h}rank\\.hpp$" "^src/rank/" MAY ${described} engine budget plan speed)
# Logs of engines, and plans beside them.
layer(verify "${h}(engine_log|verify)\\.hpp$" "^src/verify/" MAY ${described} sources engine budget plan)
layer(settings "${h}settings\\.hpp$" "^src/settings/" MAY ${described} engine budget plan)
layer(report "${h}(report|words|rank_report|stack_report|runtimes_report|machine_report|distribute_report|verify_report|chart|sweep_report|html_report)\\.hpp$" "^src/report/"
      MAY ${described} detection engine budget plan speed rank settings verify)
set(public ${described} detection health records sources monitor engine budget plan speed rank settings verify report)
# Joins the catalog to the advice, which itself knows no catalog.
layer(alternatives "${h}(alternatives|stack_members)\\.hpp$" "^src/(alternatives|stack_members)\\.cpp$" MAY ${public})
list(APPEND public alternatives)
list(APPEND public version)
# What callers ask for in words, and the report that answers it.
layer(request "${h}(request|profile_list)\\.hpp$" "^src/request/" MAY ${public})
list(APPEND public request)
# The same to other languages.
layer(capi "${h}membudget\\.h$" "^src/capi/" MAY ${public})
layer(umbrella "${h}membudget\\.hpp$" MAY ${public})
layer(program "^tools/" MAY ${public} umbrella)

function(layer_of path out)
  foreach(name IN LISTS layers)
    foreach(pattern IN LISTS ${name}_patterns)
      if(path MATCHES "${pattern}")
        set(${out} ${name} PARENT_SCOPE)
        return()
      endif()
    endforeach()
  endforeach()
  set(${out} "" PARENT_SCOPE)
endfunction()

# The path under ROOT that an include of `file` names; empty for what is not ours.
function(resolve file include out)
  get_filename_component(folder ${file} DIRECTORY)
  foreach(candidate IN ITEMS ${folder}/${include} include/${include} src/${include})
    if(EXISTS ${ROOT}/${candidate})
      cmake_path(NORMAL_PATH candidate)
      set(${out} ${candidate} PARENT_SCOPE)
      return()
    endif()
  endforeach()
  set(${out} "" PARENT_SCOPE)
endfunction()

set(faults 0)
function(fault text)
  message(SEND_ERROR "${text}")
  math(EXPR faults "${faults} + 1")
  set(faults ${faults} PARENT_SCOPE)
endfunction()

file(GLOB_RECURSE files RELATIVE ${ROOT} ${ROOT}/include/*.h ${ROOT}/include/*.hpp ${ROOT}/src/*.[ch]pp
     ${ROOT}/tools/*.[ch]pp)
list(LENGTH files count)
if(count EQUAL 0)
  message(FATAL_ERROR "no sources under ${ROOT}")
endif()
foreach(file IN LISTS files)
  layer_of(${file} from)
  if(from STREQUAL "")
    fault("${file}: belongs to no layer; name its layer in tests/check_layers.cmake")
    continue()
  endif()
  file(STRINGS ${ROOT}/${file} lines REGEX "^[ \t]*#[ \t]*include[ \t]*[<\"]")
  foreach(line IN LISTS lines)
    string(REGEX REPLACE "^[ \t]*#[ \t]*include[ \t]*[<\"]([^>\"]*).*" "\\1" include "${line}")
    if(file MATCHES "^include/" AND include MATCHES "^(nlohmann|fmt|CLI)/")
      fault("${file}: includes ${include}; public headers need nothing but the standard library")
      continue()
    endif()
    resolve(${file} ${include} target)
    if(target STREQUAL "")
      continue()
    endif()
    if(from STREQUAL program AND NOT target MATCHES "^(include|tools)/")
      fault("${file}: includes ${target}; the program uses public headers only")
      continue()
    endif()
    if(file MATCHES "^include/" AND NOT target MATCHES "^include/")
      fault("${file}: includes ${target}; public headers include only public headers")
      continue()
    endif()
    layer_of(${target} to)
    if(NOT to IN_LIST ${from}_may)
      fault("${file}: includes ${target}; ${from} may not know ${to}")
    endif()
  endforeach()
endforeach()
if(faults EQUAL 0)
  message(STATUS "${count} files, every include points up")
endif()
