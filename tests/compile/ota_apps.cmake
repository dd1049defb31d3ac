# Update applications as they are written for ESP-IDF, each as C (gnu11) and as C++ (gnu++17), linked with everything.
function(add_update_application name)
    foreach(language c cpp)
        add_executable(compile_${name}_${language} ${name}.${language})
        set_target_properties(compile_${name}_${language} PROPERTIES C_EXTENSIONS ON CXX_EXTENSIONS ON)
        target_compile_options(compile_${name}_${language} PRIVATE -Wall -Wextra -Werror)
        target_link_libraries(compile_${name}_${language} PRIVATE ota_host)
        add_test(NAME compile_${name}_${language} COMMAND compile_${name}_${language})
        set_tests_properties(compile_${name}_${language} PROPERTIES LABELS compile TIMEOUT 60
            PASS_REGULAR_EXPRESSION "application done")
    endforeach()
endfunction()

add_update_application(ota_app_v3)
add_update_application(ota_app_v4)
add_update_application(ota_app_v5)
add_update_application(ota_app_native)
add_update_application(ota_call_forms)

# The radio and the network that applications of that time set up by hand.
foreach(language c cpp)
    target_link_libraries(compile_ota_app_v3_${language} PRIVATE esp_wifi port_runtime)
    set_property(TEST compile_ota_app_v3_${language} PROPERTY PASS_REGULAR_EXPRESSION "network attic.*address known: 1.*application done")
endforeach()
