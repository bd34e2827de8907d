"""Command lines that start a server on the Java runtime."""

from walflow.install.jars import DEPS
from walflow.install.prerequisites import java_home
from walflow.settings import HOME, LOOPBACK, Settings

LIGHT = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
"""For what coordinates and moves no records: it starts faster and takes less of the machine."""
ASIDE = ("-XX:ThreadPriorityPolicy=1", "-XX:CompilerThreadPriority=10")
"""For what moves records: the just-in-time compilers, which take a third of two cores for the first five
minutes, run at nice 10, behind the records. Java warns of the first option unless it runs as root, but a
lower priority needs no root (os_linux.cpp of OpenJDK 17, `prio_init` and `set_native_priority`)."""
BROKER = ("-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20", *ASIDE)
"""For Kafka's broker and Connect: the collector of Kafka's own scripts."""


def java(name: str, heap_megabytes: int, *options: str) -> tuple[str, ...]:
    """Start of a command line: the runtime, its heap bound, and options that every server has."""
    return (
        str(java_home() / "bin" / "java"),
        f"-Xmx{heap_megabytes}m",
        *class_archive(name),
        "-XX:+ExitOnOutOfMemoryError",
        "-Djava.net.preferIPv4Stack=true",
        *options,
    )


def java_with_metrics(
    name: str, heap_megabytes: int, settings: Settings, *options: str
) -> tuple[str, ...]:
    """The same for a server whose MBeans Prometheus scrapes, unless metrics.jmx is off.

    An archive of classes holds only for the agents that it was written with, hence one for each case.
    """
    if not settings.metrics.jmx:
        return java(name, heap_megabytes, *options)
    return java(f"{name}-with-metrics", heap_megabytes, *options, *_metrics_agent(name, settings))


def metrics_port(name: str, settings: Settings) -> dict[str, int]:
    """Setting under `[ports]` → port at which a server's MBeans are scraped; empty without."""
    setting = f"{name}_metrics"
    return {setting: settings.ports.of(setting)} if settings.metrics.jmx else {}


def _metrics_agent(name: str, settings: Settings) -> tuple[str, ...]:
    """Prometheus' own agent, on 127.0.0.1, with the MBeans that monitoring/jmx names."""
    agent = next((DEPS / "jmx").glob("jmx_prometheus_javaagent-*.jar"), DEPS)
    (port,) = metrics_port(name, settings).values()
    rules = HOME / "monitoring" / "jmx" / f"{name}.yml"
    return (
        # A class archive may be written although there is an agent: it transforms no class.
        "-XX:+UnlockDiagnosticVMOptions",
        "-XX:+AllowArchivingWithJavaAgent",
        f"-javaagent:{agent}={LOOPBACK}:{port}:{rules}",
    )


def class_archive(name: str) -> tuple[str, ...]:
    """Options for a server's archive of loaded classes: written at its first exit, used from then on.

    With one, Connect is up after 2.1 s instead of 5.1 s and 2 s of CPU instead of 5. Java ignores an
    archive that does not fit the class path (JEP 350, dynamic CDS archives). None in a container, whose
    files do not outlive it.
    """
    archive = DEPS / "class-archives" / f"{name}.jsa"
    if not archive.parent.is_dir():
        return ()
    if archive.exists():
        return (f"-XX:SharedArchiveFile={archive}", "-Xlog:cds=off", "-Xlog:cds+dynamic=off")
    return (f"-XX:ArchiveClassesAtExit={archive}", "-Xlog:cds=off", "-Xlog:cds+dynamic=off")
