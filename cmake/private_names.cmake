# Gives what no installed header names a prefix of its own in the archives of the package:
#
#   cmake -DNM=nm -DOBJCOPY=objcopy -DHEADERS=dir;... -DKEEP=name;... -DFROM=archive;... -DTO=dir -P private_names.cmake
#
# An application may have a function ota_open() or http_client_post() of its own; without this the linker would find two.
# Public names, those of C's and ESP-IDF's name space (_..., esp_...) and KEEP stay as they are.
cmake_minimum_required(VERSION 3.25)

foreach(dir IN LISTS HEADERS)
    file(GLOB_RECURSE files "${dir}/*.h")
    foreach(file IN LISTS files)
        file(READ "${file}" text)
        string(REGEX MATCHALL "[A-Za-z_][A-Za-z0-9_]*" words "${text}")
        foreach(word IN LISTS words KEEP)
            set(public_${word} TRUE)
        endforeach()
    endforeach()
endforeach()

execute_process(COMMAND ${NM} -g --defined-only ${FROM} OUTPUT_VARIABLE symbols COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCHALL "[0-9a-f]+ [TDBRC] [A-Za-z][A-Za-z0-9_]*" symbols "${symbols}")
list(TRANSFORM symbols REPLACE "^[0-9a-f]+ . " "")
list(REMOVE_DUPLICATES symbols)
set(map "")
foreach(symbol IN LISTS symbols)
    if(NOT public_${symbol} AND NOT symbol MATCHES "^esp_")
        string(APPEND map "${symbol} esp_ota_private_${symbol}\n")
    endif()
endforeach()
file(WRITE "${TO}/private_names.txt" "${map}")
foreach(archive IN LISTS FROM)
    get_filename_component(name "${archive}" NAME)
    execute_process(COMMAND ${OBJCOPY} --redefine-syms=${TO}/private_names.txt "${archive}" "${TO}/${name}" COMMAND_ERROR_IS_FATAL ANY)
endforeach()
