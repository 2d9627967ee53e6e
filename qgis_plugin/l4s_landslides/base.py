"""What the algorithms share: the engine, the way errors end a run, the help."""

from __future__ import annotations

from contextlib import contextmanager

from qgis.core import QgsProcessingAlgorithm, QgsProcessingException
from qgis.PyQt.QtGui import QIcon

from . import engine, notice, results
from .errors import CancelledError, EngineMissingError, PluginError
from .outputs import check_replaceable, output_path
from .texts import ICON, help_page, tr
from .worker import Worker


class LandslideAlgorithm(QgsProcessingAlgorithm):
    """An algorithm of the provider; the attributes say what it is."""

    NAME = ""
    TITLE = ""
    SUMMARY = ""
    HELP = ""
    TAGS = ()
    GROUP = ""
    NEEDS_ENGINE = True

    def __init__(self):
        super().__init__()
        self.written = {}

    def createInstance(self):  # noqa: N802
        """Make another of the kind."""
        return type(self)()

    def name(self):
        """The id within the provider."""
        return self.NAME

    def displayName(self):  # noqa: N802
        """The name that users see."""
        return tr(self.TITLE)

    def shortDescription(self):  # noqa: N802
        """One line for tooltips."""
        return tr(self.SUMMARY)

    def shortHelpString(self):  # noqa: N802
        """The help beside the dialog."""
        return tr(self.HELP)

    def group(self):
        """The group in the toolbox that users see."""
        return tr(self.GROUP)

    def groupId(self):  # noqa: N802
        """The id of the group."""
        return self.GROUP.lower()

    def helpUrl(self):  # noqa: N802
        """The page with pictures: the one that came with the plugin, or else the one online."""
        return help_page()

    def tags(self):
        """Words that find it."""
        return ["landslide", "Sentinel-2", "inventory", "l4s", *self.TAGS]

    def icon(self):
        """The provider's icon."""
        return QIcon(str(ICON))

    def createCustomParametersWidget(self, parent=None):  # noqa: N802
        """Without an engine, open a dialog that offers to set one up in place of the parameters."""
        if not self.NEEDS_ENGINE:
            return None
        try:
            engine.find()
        except EngineMissingError as error:
            return notice.Notice(str(error), parent)
        return None

    def checkParameterValues(self, parameters, context):  # noqa: N802
        """Check what can be checked before anything starts."""
        fine, message = super().checkParameterValues(parameters, context)
        if not fine:
            return fine, message
        try:
            if self.NEEDS_ENGINE:
                engine.find()
            self.check(parameters, context)
            for parameter in self.destinationParameterDefinitions():
                check_replaceable(output_path(parameters.get(parameter.name()), context), context)
        except EngineMissingError as error:
            notice.show(str(error))
            return False, str(error)
        except PluginError as error:
            return False, str(error)
        return True, ""

    def check(self, parameters, context) -> None:
        """Check the parameters.

        Raises:
            PluginError: one of its children, if a parameter cannot be used.
        """

    def hand_over(self, context, output: str, path: str, facts: dict, name: str) -> None:
        """Note a file that was written, and have it finished if it is loaded.

        Args:
            context: the run's.
            output: the output's name.
            path: the file.
            facts: the run's provenance; nothing for a result that carries none.
            name: the layer's name, if nobody chose another than the output's title.
        """
        self.written[path] = facts
        title = self.parameterDefinition(output)
        results.finish(context, path, facts, name, title.description() if title else "")

    def postProcessAlgorithm(self, context, feedback):  # noqa: N802
        """Refresh layers that show the files already; in the main thread."""
        results.refresh_open(context, list(self.written), self.written)
        return {}

    @contextmanager
    def worker(self, feedback):
        """Start a worker; turn what goes wrong into what Processing shows.

        Raises:
            QgsProcessingException: something went wrong, or the user cancelled.
        """
        with processing_errors(feedback):
            found = engine.find()
            feedback.pushDebugInfo(tr("Engine: {} (from {})").format(found.python, found.origin))
            with Worker(found, feedback) as worker:
                yield worker


@contextmanager
def processing_errors(feedback):
    """Turn the plugin's errors into what Processing shows.

    Raises:
        QgsProcessingException: in place of one of them.
    """
    try:
        yield
    except CancelledError as error:
        raise QgsProcessingException(str(error)) from None
    except EngineMissingError as error:
        notice.show(str(error))
        raise QgsProcessingException(str(error)) from None
    except PluginError as error:
        raise QgsProcessingException(str(error)) from None
