"""Tells that the engine is missing, with a button that opens Set up environment; asks what only a person can say."""

from __future__ import annotations

from qgis.core import QgsApplication
from qgis.PyQt.QtCore import QThread, QTimer
from qgis.PyQt.QtWidgets import QDialog, QDialogButtonBox, QLabel, QMessageBox, QPushButton, QVBoxLayout

from .enums import WARNING
from .texts import tr

SETUP = "landslide4sense:setupenvironment"


class Notice(QDialog):
    """Stands in for an algorithm's dialog while there is no engine."""

    def __init__(self, text: str, parent=None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Landslide4Sense")
        label = QLabel(text)
        label.setWordWrap(True)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        setup = buttons.addButton(tr("Set up environment…"), QDialogButtonBox.ButtonRole.AcceptRole)
        setup.setObjectName("setup")
        buttons.accepted.connect(self.accept)
        # Once this dialog is closed, since it may be run by a loop of its own.
        buttons.accepted.connect(lambda: QTimer.singleShot(0, open_setup))
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addWidget(label)
        layout.addWidget(buttons)
        self.resize(520, self.sizeHint().height())

    def setParameters(self, parameters):  # noqa: N802
        """Take what Processing gives an algorithm's dialog; there is nothing to do with it."""

    def results(self):
        """What Processing asks an algorithm's dialog for when it is closed."""
        return {}


def show(text: str) -> None:
    """Show a message with the button in the main window's message bar, if there is one."""
    from qgis.utils import iface

    if iface is None or QThread.currentThread() is not QgsApplication.instance().thread():
        return
    bar = iface.messageBar()
    message = bar.createMessage("Landslide4Sense", text)
    button = QPushButton(tr("Set up environment…"))
    button.pressed.connect(open_setup)
    message.layout().addWidget(button)
    bar.pushWidget(message, WARNING)


def agreed(question: str) -> bool:
    """Ask the user, if there is a window to ask in; without one nobody is there to say no, and the run's log tells."""
    from qgis.utils import iface

    if iface is None or QThread.currentThread() is not QgsApplication.instance().thread():
        return True
    answer = QMessageBox.question(iface.mainWindow(), "Landslide4Sense", question)
    return answer == QMessageBox.StandardButton.Yes


def open_setup() -> None:
    """Open the dialog of the algorithm that sets an environment up."""
    import processing

    processing.execAlgorithmDialog(SETUP)
