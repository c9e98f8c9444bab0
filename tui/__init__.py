"""The workbench: a full-screen Textual application that draws a session and asks for work."""
