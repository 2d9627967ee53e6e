"""What the algorithms share: the engine, the way errors end a run, the help."""

from __future__ import annotations

from contextlib import contextmanager

from qgis.core import QgsProcessingAlgorithm, QgsProcessingException
from qgis.PyQt.QtGui import QIcon

from . import engine, notice
from .errors import CancelledError, EngineError, EngineMissingError, PluginError
from .texts import ICON, tr
from .worker import Worker


class LandslideAlgorithm(QgsProcessingAlgorithm):
    """An algorithm of the provider; the attributes say what it is."""

    NAME = ""
    TITLE = ""
    SUMMARY = ""
    HELP = ""
    TAGS = ()
    NEEDS_ENGINE = True

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
    except EngineError as error:
        if error.detail:
            feedback.pushDebugInfo(error.detail)
        raise QgsProcessingException(str(error)) from None
    except PluginError as error:
        raise QgsProcessingException(str(error)) from None
