/* The program `keybrake`: CPython, linked in, and an archive of all that is Python, appended.
 *
 * There is nothing before it and nothing behind it: the process that is started is the one that
 * serves, with its pid, its signals and its sockets. Nothing is unpacked either. The archive is read
 * from /proc/self/exe, which stays this very file even when another version has taken its name; so
 * a running gateway may be upgraded under its feet.
 *
 * The interpreter is isolated: no variable PYTHON…, no site, no user's folder and no file beside the
 * program has a word in what is run. Texts are UTF-8 whatever the locale says. */

#include <Python.h>
#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#define CANNOT_START 3 /* as gateway/run/cli.py */
#define ARCHIVE "/proc/self/exe"

/* A shared library that modules need, loaded for good: the loader then finds it by its name. */
static PyObject *load_library(PyObject *module, PyObject *path)
{
    const char *text = PyUnicode_AsUTF8(path);
    if (text == NULL)
        return NULL;
    if (dlopen(text, RTLD_NOW | RTLD_LOCAL) == NULL)
        return PyErr_Format(PyExc_ImportError, "%s", dlerror());
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {{"load_library", load_library, METH_O, NULL}, {0}};
static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, .m_name = "_keybrake", .m_methods = methods};

static PyObject *make_module(void)
{
    return PyModule_Create(&definition);
}

static void must(PyStatus status)
{
    if (PyStatus_Exception(status))
        Py_ExitStatusException(status);
}

static void set(PyConfig *config, wchar_t **field, const char *text)
{
    must(PyConfig_SetBytesString(config, field, text));
}

int main(int argc, char **argv)
{
    char itself[PATH_MAX];
    ssize_t length = readlink(ARCHIVE, itself, sizeof itself - 1);
    if (length < 0) {
        fputs("keybrake cannot start: it needs /proc, which is not mounted here\n", stderr);
        return CANNOT_START;
    }
    itself[length] = '\0';

    PyPreConfig before;
    PyPreConfig_InitIsolatedConfig(&before);
    before.utf8_mode = 1;
    must(Py_PreInitialize(&before));
    if (PyImport_AppendInittab("_keybrake", make_module) < 0)
        return CANNOT_START;

    PyConfig config;
    PyConfig_InitIsolatedConfig(&config);
    config.install_signal_handlers = 1;
    config.parse_argv = 0;
    config.pathconfig_warnings = 0;
    config.site_import = 0;
    config.write_bytecode = 0;
    set(&config, &config.program_name, itself);
    set(&config, &config.executable, itself);
    set(&config, &config.base_executable, itself);
    set(&config, &config.home, ARCHIVE);
    config.module_search_paths_set = 1;
    must(PyWideStringList_Append(&config.module_search_paths, L"" ARCHIVE));
    set(&config, &config.run_command, "import keybrake_start; keybrake_start.main()");
    must(PyConfig_SetBytesArgv(&config, argc, argv));
    must(Py_InitializeFromConfig(&config));
    PyConfig_Clear(&config);
    return Py_RunMain();
}
