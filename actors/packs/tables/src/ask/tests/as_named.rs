//! What is named is what is meant: prices as they stand, each end of a way in its column, a bus line that is no line of the file, what came of a
//! match, one of several that is chosen by an end, how many there are of a kind; and whoever is asked for and stands nowhere.

use super::*;

#[test]
fn prices_that_are_named_are_added_up_and_prices_for_one_are_multiplied() {
    let jobs = (
        "jobs.csv",
        "date,service,pieces,price\n2025-01-01,washing,2,30\n2025-01-02,washing,3,12.5\n2025-01-03,ironing,4,8\n2025-01-04,ironing,1,5\n",
    );
    check(
        jobs,
        &[
            ("Total price for washing", &["42.5"]),
            ("total price per service", &["washing 42.5", "ironing 13"]),
            (
                "Which service has the highest total price?",
                &["washing", "42.5"],
            ),
            ("Total price for washing at the price each", &["97.5"]),
        ],
    );
    let told = ask("Total price for washing", &[jobs]);
    assert!(
        told.written.answer.contains("is not multiplied by pieces"),
        "{}",
        told.written.answer
    );
    check(
        (
            "lines.csv",
            "date,item,qty,unit_price\n2025-01-01,pen,2,3\n2025-01-02,cap,3,5\n2025-01-03,pen,4,3.5\n",
        ),
        &[("total price of the pens", &["20"])],
    );
    check(
        (
            "stock.csv",
            "product,stock,price\npen,2,3\ncap,3,5\nmug,4,7\n",
        ),
        &[("total price of all", &["49"])],
    );
    check(
        (
            "auftraege.csv",
            "Datum;Leistung;Stück;Preis\n01.02.2025;Reinigung;2;30\n02.02.2025;Reinigung;3;12,5\n03.02.2025;Bügeln;4;8\n",
        ),
        &[("Gesamtpreis für Reinigung", &["42,5"])],
    );
    check(
        (
            "travaux.csv",
            "date;service;quantite;prix\n2025-02-01;lavage;2;30\n2025-02-02;lavage;3;12\n2025-02-03;repassage;4;8\n",
        ),
        &[("Prix total pour lavage", &["42"])],
    );
    check(
        (
            "trabajos.csv",
            "fecha;servicio;unidades;precio\n2025-02-01;lavado;2;30\n2025-02-02;lavado;3;12\n2025-02-03;planchado;4;8\n",
        ),
        &[("Precio total de lavado", &["42"])],
    );
}

#[test]
fn each_end_of_a_way_belongs_to_its_own_column() {
    check(
        (
            "shuttle.csv",
            "run,from,to,riders\n1,Airport,Centre,43\n2,Airport,Fair,18\n3,Centre,Airport,38\n4,Centre,Fair,11\n5,Fair,Airport,26\n6,Airport,Centre,7\n",
        ),
        &[
            ("Total riders from Airport to Centre", &["is 50"]),
            ("total riders to Centre from Airport", &["is 50"]),
            ("How many riders went from Centre to Airport?", &["is 38"]),
            ("Total riders from the Airport to the Fair", &["is 18"]),
            ("Airport to Centre riders in total", &["is 50"]),
            ("Total riders to Airport", &["is 64"]),
            ("Total riders from Airport", &["is 68"]),
        ],
    );
    check(
        (
            "freight.csv",
            "load,origin,destination,kg\nA1,Oslo,Rome,50\nA2,Rome,Oslo,40\nA3,Oslo,Bern,30\nA4,Bern,Rome,20\n",
        ),
        &[
            ("total kg from Oslo to Rome", &["is 50"]),
            ("total kg shipped to Rome", &["is 70"]),
        ],
    );
    check(
        (
            "zuege.csv",
            "Zug;Von;Nach;Fahrgäste\nZ1;Berlin;Hamburg;50\nZ2;Hamburg;Berlin;40\nZ3;Berlin;Wien;30\nZ4;Wien;Hamburg;20\nZ5;Berlin;Hamburg;7\n",
        ),
        &[("Fahrgäste von Berlin nach Hamburg insgesamt", &["57"])],
    );
    check(
        (
            "vols.csv",
            "vol;origine;destination;passagers\nV1;Lyon;Paris;50\nV2;Paris;Lyon;40\nV3;Lyon;Nice;30\nV4;Nice;Paris;20\nV5;Lyon;Paris;7\n",
        ),
        &[("Total des passagers de Lyon à Paris", &["57"])],
    );
    check(
        (
            "viajes.csv",
            "viaje;origen;destino;pasajeros\nV1;Lima;Cusco;50\nV2;Cusco;Lima;40\nV3;Lima;Ica;30\nV4;Ica;Cusco;20\nV5;Lima;Cusco;7\n",
        ),
        &[
            ("Total de pasajeros de Lima a Cusco", &["57"]),
            ("Total de pasajeros desde Cusco hasta Lima", &["40"]),
        ],
    );
}

#[test]
fn a_column_that_is_called_line_is_no_line_of_the_file() {
    let buses = (
        "delays.csv",
        "line,delay_min\nLine 9,5\nLine 4,3\nLine 9,7\nLine 4,4\nLine 12,9\n",
    );
    check(
        buses,
        &[
            (
                "Which line has the lowest average delay?",
                &["Line 4", "3.5"],
            ),
            ("What line has the worst average delay?", &["Line 12", "9"]),
            ("Which line has the highest total delay?", &["Line 9", "12"]),
            ("How many lines are there?", &["is 3"]),
            ("How many rows are there?", &["is 5"]),
        ],
    );
    check(
        ("retards.csv", "ligne;retard\nL1;5\nL2;3\nL1;7\nL2;4\n"),
        &[(
            "Quelle ligne a le retard moyen le plus bas ?",
            &["L2", "3,5"],
        )],
    );
    check(
        (
            "importes.csv",
            "registro;importe\nnorte;5\nsur;3\nnorte;7\nsur;4\n",
        ),
        &[(
            "¿Qué registro tiene el importe medio más bajo?",
            &["sur", "3,5"],
        )],
    );
    check(
        (
            "betraege.csv",
            "Eintrag;Betrag\nNord;5\nOst;3\nNord;7\nOst;4\n",
        ),
        &[(
            "Welcher Eintrag hat den niedrigsten durchschnittlichen Betrag?",
            &["Ost", "3,5"],
        )],
    );
}

#[test]
fn what_came_of_a_match_is_asked_for_by_its_verb() {
    let matches = (
        "tennis.csv",
        "match,player,outcome\nM1,Kaya,lost\nM2,Lund,won\nM3,Kaya,won\nM4,Lund,lost\nM5,Kaya,lost\nM6,Kaya,lost\nM7,Lund,won\n",
    );
    check(
        matches,
        &[
            (
                "What percentage of her matches did Kaya win?",
                &["25%", "1 of 4"],
            ),
            (
                "What percentage of matches did Kaya lose?",
                &["75%", "3 of 4"],
            ),
            ("How many matches did Lund win?", &["is 2"]),
            ("What is the win rate of Lund?", &["66.67%", "2 of 3"]),
            ("Who won the most matches?", &["Lund", "2"]),
            (
                "Wie viel Prozent ihrer Spiele hat Kaya verloren?",
                &["75", "3 von 4"],
            ),
        ],
    );
    check(
        (
            "quiz.csv",
            "round,team,result\nR1,Owls,W\nR2,Owls,L\nR3,Foxes,W\nR4,Owls,W\nR5,Owls,D\n",
        ),
        &[(
            "What percentage of their rounds did the Owls win?",
            &["50%"],
        )],
    );
    check(
        (
            "exams.csv",
            "exam,student,result\nE1,Mia,passed\nE2,Mia,failed\nE3,Tom,passed\nE4,Mia,passed\nE5,Tom,failed\n",
        ),
        &[
            (
                "What percentage of her exams did Mia pass?",
                &["66.67%", "2 of 3"],
            ),
            ("How many exams did Mia fail?", &["is 1"]),
        ],
    );
    check(
        (
            "matchs.csv",
            "match;joueuse;resultat\nM1;Kaya;gagné\nM2;Kaya;perdu\nM3;Lund;gagné\nM4;Kaya;gagné\nM5;Kaya;perdu\n",
        ),
        &[(
            "Quel pourcentage de ses matchs Kaya a-t-elle gagné ?",
            &["50", "2 sur 4"],
        )],
    );
    check(
        (
            "partidos.csv",
            "partido;jugadora;resultado\nM1;Kaya;ganado\nM2;Kaya;perdido\nM3;Lund;ganado\nM4;Kaya;ganado\nM5;Kaya;perdido\n",
        ),
        &[(
            "¿Qué porcentaje de sus partidos ganó Kaya?",
            &["50", "2 de 4"],
        )],
    );
}

#[test]
fn one_that_is_chosen_by_an_end_stands_beside_a_figure_of_all() {
    check(
        (
            "loads.csv",
            "truck,load\nTruck 1,11 t\nTruck 2,28 t\nTruck 3,9 t\n",
        ),
        &[
            (
                "Total load and the truck with the largest load",
                &["48 t", "28 t", "Truck 2"],
            ),
            (
                "the truck with the largest load and the total load",
                &["48 t", "28 t", "Truck 2"],
            ),
            (
                "Average load and the truck that has the smallest load",
                &["16 t", "9 t", "Truck 3"],
            ),
            (
                "total load, the truck with the largest load and the truck with the smallest load",
                &["48 t", "Truck 2", "Truck 3"],
            ),
        ],
    );
    check(
        (
            "sales.csv",
            "date,branch,sales\n2025-01-01,North,10\n2025-01-01,South,20\n2025-02-02,North,30\n2025-02-03,South,5\n",
        ),
        &[
            (
                "Total sales and the branch with the highest sales",
                &["65", "North", "40"],
            ),
            (
                "Total sales and the month with the highest sales",
                &["65", "2025-02", "35"],
            ),
        ],
    );
    check(
        ("lkw.csv", "Lkw;Ladung\nLkw 1;11 t\nLkw 2;28 t\nLkw 3;9 t\n"),
        &[(
            "Gesamtladung und der Lkw mit der größten Ladung",
            &["48 t", "28 t", "Lkw 2"],
        )],
    );
    check(
        ("camiones.csv", "camión;carga\nC1;11 t\nC2;28 t\nC3;9 t\n"),
        &[(
            "Carga total y el camión con la mayor carga",
            &["48 t", "28 t", "C2"],
        )],
    );
}

#[test]
fn of_a_list_of_kinds_the_number_says_how_many_there_are() {
    let farm = (
        "farm.csv",
        "item,number\ncows,88\ngoats,41\nhens,320\ntractors,6\n",
    );
    check(
        farm,
        &[
            ("How many goats are there?", &["is 41"]),
            ("number of hens", &["is 320"]),
            ("How many goats and cows are there?", &["is 129"]),
            ("How many more hens than goats are there?", &["279"]),
            ("Which item has the highest number?", &["hens", "320"]),
            ("How many kinds of items are there?", &["is 4"]),
        ],
    );
    check(
        (
            "animales.csv",
            "animal;número\nvacas;88\ncabras;41\ngallinas;320\n",
        ),
        &[("¿Cuántas cabras hay?", &["41"])],
    );
    check(
        ("tiere.csv", "Tier;Anzahl\nKühe;88\nZiegen;41\nHühner;320\n"),
        &[("Wie viele Ziegen gibt es?", &["41"])],
    );
    check(
        (
            "animaux.csv",
            "animal;nombre\nvaches;88\nchèvres;41\npoules;320\n",
        ),
        &[("Combien de chèvres y a-t-il ?", &["41"])],
    );
    // A number that one of each has is none of how many there are.
    check(
        ("shirts.csv", "player,number\nKaya,7\nLund,10\nMoss,23\n"),
        &[("How many players are there?", &["is 3"])],
    );
}

#[test]
fn whoever_is_asked_for_and_stands_nowhere_is_never_something_else() {
    let courses = (
        "courses.csv",
        "course,kind,participants\nC1,yoga,26\nC2,yoga,4\nC3,boxing,28\n",
    );
    check_not_there(
        courses,
        &[
            ("Which trainer has the most participants?", "trainer"),
            ("What trainer has the fewest participants?", "trainer"),
            ("Which trainer has the most courses?", "trainer"),
            ("Which coach has the most participants?", "coach"),
            ("Which room has the most participants?", "room"),
            ("Which film has the most participants?", "film"),
            ("participants per trainer", "trainer"),
            ("Who is the trainer with the most participants?", "trainer"),
        ],
    );
    check(
        courses,
        &[
            ("Which course has the most participants?", &["C3", "28"]),
            ("Which kind has the most participants?", &["yoga", "30"]),
        ],
    );
    check_not_there(
        (
            "kurse.csv",
            "Kurs,Art,Teilnehmer\nC1,Yoga,26\nC2,Yoga,4\nC3,Boxen,28\n",
        ),
        &[
            ("Welcher Trainer hat die meisten Teilnehmer?", "Trainer"),
            ("Welcher Raum hat die meisten Teilnehmer?", "Raum"),
        ],
    );
    check_not_there(
        (
            "cours.csv",
            "cours;genre;participants\nC1;yoga;26\nC2;yoga;4\nC3;boxe;28\n",
        ),
        &[("Quel entraîneur a le plus de participants ?", "entraîneur")],
    );
    check_not_there(
        (
            "cursos.csv",
            "curso;tipo;participantes\nC1;yoga;26\nC2;yoga;4\nC3;boxeo;28\n",
        ),
        &[("¿Qué entrenador tiene más participantes?", "entrenador")],
    );
    // What rows are of may be called otherwise than their file.
    check(
        (
            "rides.csv",
            "ride_id,bike,km\n7,b1,4\n3,b2,9\n9,b1,2\n4,b2,7\n",
        ),
        &[("Which trip was the longest?", &["9"])],
    );
}
