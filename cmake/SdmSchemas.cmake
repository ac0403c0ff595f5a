# sdm_generate_codecs(OUT SCHEMAS dir PREFIX name FOLDER name): C of the schemas in 'dir', generated
# below ${CMAKE_BINARY_DIR}/generated, which has to be an include folder of who compiles it.
# Sets OUT_WORDS (enumerations, lib/base alone) and OUT_CODECS to the sources.
set(SDM_GENERATED_DIR ${CMAKE_BINARY_DIR}/generated)

function(sdm_generate_codecs out)
  cmake_parse_arguments(G "" "SCHEMAS;PREFIX;FOLDER" "" ${ARGN})
  set(generate ${CMAKE_SOURCE_DIR}/schemas/generate.py)
  set(options --schemas ${G_SCHEMAS} --prefix ${G_PREFIX} --folder ${G_FOLDER})
  file(GLOB schemas CONFIGURE_DEPENDS ${G_SCHEMAS}/*.json)
  file(GLOB generator ${CMAKE_SOURCE_DIR}/schemas/sdmgen/*.py)
  # A new schema brings a new group, and so a new header.
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${schemas} ${generate} ${generator})
  execute_process(COMMAND /usr/bin/python3 ${generate} ${options} --list
    OUTPUT_VARIABLE files COMMAND_ERROR_IS_FATAL ANY)
  list(TRANSFORM files PREPEND ${SDM_GENERATED_DIR}/)
  add_custom_command(OUTPUT ${files}
    COMMAND /usr/bin/python3 ${generate} ${options} --code ${SDM_GENERATED_DIR}
    DEPENDS ${schemas} ${generate} ${generator}
    COMMENT "Generating ${G_FOLDER}/ from ${G_SCHEMAS}" VERBATIM)
  set(headers ${files})
  list(FILTER headers INCLUDE REGEX "\\.h$")
  set(${out}_WORDS ${SDM_GENERATED_DIR}/${G_FOLDER}/words.c ${headers} PARENT_SCOPE)
  set(${out}_CODECS ${SDM_GENERATED_DIR}/${G_FOLDER}/codecs.c PARENT_SCOPE)
endfunction()
