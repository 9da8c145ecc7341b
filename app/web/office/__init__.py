"""The office's pages: everyone around the artisan sees what is theirs, and nothing else.

frame has the blueprint and who is let in, desk the two ways to the database (look, act_on), tokens
the session's cookie, sign_in and first_page what their names say; every other file is one subject.
A new page: a view with `@may(Right...)` on the frame's blueprint, its words in office_*.po, a line
in `frame.SECTIONS` if it stands at the top of every page, and the rows it reads in app/wall.py.
"""
